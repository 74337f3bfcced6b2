package page

import (
	"bytes"
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/clock"
)

//go:embed web
var web embed.FS

// viewersMax bounds the streams that are open at once.
const viewersMax = 64

// Times of a stream.
const (
	beatEvery   = 5 * time.Second  // the page takes a silence of three for a loss
	writeWithin = 10 * time.Second // a viewer that takes nothing for so long is let go
)

// policy is the content security policy: everything from here, and nothing else.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// Options are what a page is made of.
type Options struct {
	Name  string // of the datacenter, for the headline
	Build string // of the program, for the foot
	// Done, when it is closed, ends all streams, as Close does; nil if nothing
	// but Close does.
	Done <-chan struct{}
}

// Page serves the status page below the place where it is mounted: "/", "/page/"
// and "/favicon.ico".
type Page struct {
	hub   *hub
	build string
	done  <-chan struct{}
	files map[string]file
}

type file struct {
	kind string
	body []byte
}

// kinds are the media types of the files, which must not depend on the machine.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
	".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// New makes a page of what the source knows.
func New(source Source, o Options) *Page {
	p := &Page{hub: newHub(source, o.Name), build: o.Build, done: o.Done, files: make(map[string]file)}
	err := fs.WalkDir(web, "web", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := web.ReadFile(name)
		p.files["/page/"+strings.TrimPrefix(name, "web/")] = file{kinds[path.Ext(name)], b}
		return err
	})
	if err != nil {
		panic("page: " + err.Error()) // the files are part of the program
	}
	p.files["/"] = p.files["/page/index.html"]
	p.files["/favicon.ico"] = p.files["/page/icon.svg"]
	return p
}

// Close ends all streams and waits until nobody is asked any more. A server calls
// it before it shuts down, since a stream never ends by itself.
func (p *Page) Close() { p.hub.close() }

// Viewers is how many browsers look.
func (p *Page) Viewers() int { return p.hub.count() }

// ServeHTTP serves the page's files and its stream.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "same-origin")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.Set("Allow", "GET, HEAD")
		http.Error(w, "page: only GET", http.StatusMethodNotAllowed)
		return
	}
	if r.URL.Path == "/page/live" {
		p.live(w, r)
		return
	}
	f, ok := p.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	head.Set("Content-Type", f.kind)
	head.Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
}

// live is the stream: hello, then statuses and events as they come, and a beat
// when there is nothing to say.
func (p *Page) live(w http.ResponseWriter, r *http.Request) {
	v := p.hub.join(p.after(r))
	if v == nil {
		http.Error(w, "page: "+strconv.Itoa(viewersMax)+" browsers look already, or the server is closing", http.StatusServiceUnavailable)
		return
	}
	defer p.hub.leave(v)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	c := http.NewResponseController(w)
	send := func(b []byte) bool {
		// Not every server has deadlines; then those of the connection hold.
		_ = c.SetWriteDeadline(clock.Wall().Add(writeWithin))
		_, err := w.Write(b) //nolint:gosec // JSON in an event stream, which no browser takes for HTML
		return err == nil && c.Flush() == nil
	}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	if !send(frame("hello", "", map[string]string{"boot": p.hub.boot, "name": p.hub.name, "build": p.build})) {
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case <-p.hub.stop:
			return
		case <-p.done:
			return
		case <-beat.C:
			if !send([]byte("event: beat\ndata: {}\n\n")) {
				return
			}
		case <-v.news:
			if b := p.hub.next(v); len(b) > 0 && !send(b) {
				return
			}
		}
	}
}

// after is the number of the last event that a browser that comes back has seen,
// 0 if it has seen none of this life of the server.
func (p *Page) after(r *http.Request) uint64 {
	boot, number, _ := strings.Cut(r.Header.Get("Last-Event-ID"), ".")
	n, err := strconv.ParseUint(number, 10, 64)
	if boot != p.hub.boot || err != nil {
		return 0
	}
	return n
}
