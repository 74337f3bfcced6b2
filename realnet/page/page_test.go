package page_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/dsim/realnet/page"
)

// source is a datacenter that a test tells what to say.
type source struct {
	mu     sync.Mutex
	status page.Status
	events []page.Event
	asked  atomic.Int64
}

func (s *source) Status() page.Status {
	s.asked.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *source) Events(after uint64) []page.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.events {
		if s.events[i].Number > after {
			return append([]page.Event{}, s.events[i:]...)
		}
	}
	return nil
}

func (s *source) happen(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Version++
	s.events = append(s.events, page.Event{Number: uint64(len(s.events) + 1), Kind: "set-link", Text: text})
}

func serve(t *testing.T, s page.Source) (*page.Page, string) {
	t.Helper()
	p := page.New(s, page.Options{Name: "lab", Build: "test"})
	server := httptest.NewServer(p)
	t.Cleanup(func() {
		p.Close()
		server.Close()
	})
	return p, server.URL
}

// stream is an open stream of news.
type stream struct {
	t    *testing.T
	body io.Closer
	in   *bufio.Scanner
}

func follow(t *testing.T, url, last string) *stream {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/page/live", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		q.Header.Set("Last-Event-ID", last)
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Body.Close() })
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("the stream: %s, %s", r.Status, r.Header.Get("Content-Type"))
	}
	in := bufio.NewScanner(r.Body)
	in.Buffer(nil, 1<<24)
	return &stream{t, r.Body, in}
}

// want reads until an event of a kind whose data passes, and gives its id and data.
func (s *stream) want(kind string, passes func(data string) bool) (id, data string) {
	s.t.Helper()
	var is string
	for s.in.Scan() {
		key, value, _ := strings.Cut(s.in.Text(), ": ")
		switch key {
		case "id":
			id = value
		case "event":
			is = value
		case "data":
			data = value
		case "":
			if is == kind && passes(data) {
				return id, data
			}
			id = ""
		}
	}
	s.t.Fatalf("the stream ended (%v) before %s", s.in.Err(), kind)
	return "", ""
}

func holds(text string) func(string) bool {
	return func(data string) bool { return strings.Contains(data, text) }
}

// TestStreamTellsWhatHappens: hello, the status, an event, and soon after it the
// status that it led to.
func TestStreamTellsWhatHappens(t *testing.T) {
	s := &source{status: page.Status{Version: 1, Cells: []page.Cell{{ID: "alice"}}}}
	_, url := serve(t, s)
	f := follow(t, url, "")
	f.want("hello", holds(`"name":"lab"`))
	f.want("status", holds(`"version":"1"`))
	s.happen("ab is cut\nreally")
	f.want("events", holds(`ab is cut\nreally`))
	f.want("status", holds(`"version":"2"`))
}

// TestStreamGoesOnWhereItEnded: who comes back hears what was missed, and nothing
// twice; the number of another life of the server counts for nothing.
func TestStreamGoesOnWhereItEnded(t *testing.T) {
	s := &source{}
	_, url := serve(t, s)
	s.happen("one")
	f := follow(t, url, "")
	id, _ := f.want("events", holds("one"))
	f.body.Close()
	s.happen("two")
	numbers := func(data string) (n int) {
		var list []page.Event
		if err := json.Unmarshal([]byte(data), &list); err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if _, data := follow(t, url, id).want("events", func(string) bool { return true }); numbers(data) != 1 || !strings.Contains(data, "two") {
		t.Errorf("after %s: %s", id, data)
	}
	if _, data := follow(t, url, "other.1").want("events", func(string) bool { return true }); numbers(data) != 2 {
		t.Errorf("after another life: %s", data)
	}
}

// TestNobodyLooksNobodyIsAsked: without viewers the source is left alone.
func TestNobodyLooksNobodyIsAsked(t *testing.T) {
	s := &source{}
	p, url := serve(t, s)
	if n := s.asked.Load(); n != 0 {
		t.Fatalf("asked %d times before anybody looked", n)
	}
	f := follow(t, url, "")
	f.want("status", func(string) bool { return true })
	if n := p.Viewers(); n != 1 {
		t.Errorf("%d viewers, want 1", n)
	}
	f.body.Close()
	for deadline := time.Now().Add(5 * time.Second); p.Viewers() != 0; {
		if time.Now().After(deadline) {
			t.Fatal("the viewer that left is still counted")
		}
		time.Sleep(time.Millisecond)
	}
	p.Close() // waits for who asks
	n := s.asked.Load()
	s.happen("unseen")
	if m := s.asked.Load(); m != n {
		t.Errorf("asked %d times more", m-n)
	}
}

// TestViewersAreBounded: one too many is told so, and a place that is free again
// can be taken.
func TestViewersAreBounded(t *testing.T) {
	p, url := serve(t, &source{})
	for range 64 {
		follow(t, url, "").want("hello", func(string) bool { return true })
	}
	r, err := http.Get(url + "/page/live")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusServiceUnavailable || p.Viewers() != 64 {
		t.Errorf("status %s with %d viewers", r.Status, p.Viewers())
	}
}

// TestCloseEndsStreams: a server with viewers can shut down.
func TestCloseEndsStreams(t *testing.T) {
	p, url := serve(t, &source{})
	f := follow(t, url, "")
	f.want("hello", func(string) bool { return true })
	p.Close()
	for f.in.Scan() {
	}
	if err := f.in.Err(); err != nil {
		t.Errorf("the stream ended with %v", err)
	}
}

// TestFilesComeFromHere: every address in the page's files is one that the page
// serves itself or one that the server beside it does, and the browser is told
// to load nothing else.
func TestFilesComeFromHere(t *testing.T) {
	_, url := serve(t, &source{})
	beside := map[string]bool{"metrics": true, "api/openapi.json": true}
	fetch := func(path string) (string, http.Header) {
		r, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", path, r.Status, err)
		}
		return string(b), r.Header
	}
	refers := regexp.MustCompile(`(?:href|src)="([^"#]*)"|from "\./([^"]+)"`)
	seen := map[string]bool{}
	todo := []string{"/"}
	for len(todo) > 0 {
		path := todo[0]
		todo = todo[1:]
		text, head := fetch(path)
		if !strings.Contains(head.Get("Content-Security-Policy"), "default-src 'self'") || head.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: policy %q", path, head.Get("Content-Security-Policy"))
		}
		for _, m := range refers.FindAllStringSubmatch(text, -1) {
			to := m[1]
			if m[2] != "" {
				to = "page/" + m[2]
			}
			if to == "" || beside[to] || seen[to] {
				continue
			}
			seen[to] = true
			todo = append(todo, "/"+to)
		}
		for _, bad := range []string{"innerHTML", "eval(", "style=\"", "//cdn", "@import", "url("} {
			if strings.Contains(text, bad) {
				t.Errorf("%s holds %s", path, bad)
			}
		}
	}
	if !seen["page/layout.js"] || !seen["page/style.css"] {
		t.Errorf("the page refers to %v only", seen)
	}
	if _, head := fetch("/favicon.ico"); head.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("the icon is %s", head.Get("Content-Type"))
	}
}

// TestOnlyReads: the page itself takes nothing.
func TestOnlyReads(t *testing.T) {
	_, url := serve(t, &source{})
	for method, want := range map[string]int{http.MethodPost: 405, http.MethodDelete: 405, http.MethodHead: 200} {
		q, err := http.NewRequestWithContext(t.Context(), method, url+"/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("%s: %s, want %d", method, r.Status, want)
		}
	}
	r, err := http.Get(url + "/page/../page.go")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusNotFound {
		t.Errorf("a file that is not the page's: %s", r.Status)
	}
}

func Example() {
	p := page.New(&source{}, page.Options{Name: "lab"})
	defer p.Close()
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", p)
	mux.Handle("GET /page/", p)
	mux.Handle("GET /favicon.ico", p)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/page/icon.svg", http.NoBody))
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 200 image/svg+xml
}
