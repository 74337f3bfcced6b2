package guard

import (
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/dsim/clock"
)

// deadline is an instant that is so far from now.
func deadline(d time.Duration) time.Time { return clock.Wall().Add(d) }

// Handler lets through to h what opt allows.
func Handler(h http.Handler, opt Options) http.Handler {
	return &gate{next: h, opt: opt.orDefault(), want: sha256.Sum256([]byte(opt.Token))}
}

type gate struct {
	next http.Handler
	opt  Options
	want [sha256.Size]byte
}

// ServeHTTP refuses, or bounds and passes on.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("X-Frame-Options", "DENY") // no other page shows our buttons under its own
	w.Header().Set("Referrer-Policy", "no-referrer")
	if why := g.foreign(r); why != "" {
		g.refuse(w, r, http.StatusForbidden, why)
		return
	}
	if g.opt.Token != "" && !g.knows(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="dsim", charset="UTF-8"`)
		g.refuse(w, r, http.StatusUnauthorized, "the token is wanted: Authorization: Bearer, X-Dsim-Token, or the password of http://user:password@host")
		return
	}
	if r.ContentLength > g.opt.BodyMax {
		g.refuse(w, r, http.StatusRequestEntityTooLarge, "the body is too long")
		return
	}
	if r.Body != nil && r.Body != http.NoBody {
		ctl := http.NewResponseController(w)
		if ctl.SetReadDeadline(deadline(bodyWait)) == nil {
			r.Body = &body{ReadCloser: r.Body, ctl: ctl}
		}
		r.Body = http.MaxBytesReader(w, r.Body, g.opt.BodyMax)
	}
	g.next.ServeHTTP(w, r)
}

func (g *gate) refuse(w http.ResponseWriter, r *http.Request, code int, why string) {
	g.opt.Log.Warn("request refused", "why", why, "status", code, "from", r.RemoteAddr, "path", r.URL.Path)
	w.Header().Set("Connection", "close") // and whatever body is still to come
	http.Error(w, why, code)
}

// body takes the deadline for the body away once it has been read: what follows
// may take longer, such as a stream of events.
type body struct {
	io.ReadCloser
	ctl *http.ResponseController
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.ctl.SetReadDeadline(time.Time{}) // the connection has ended otherwise
	}
	return n, err
}

// foreign says why a request is none of this machine's own, "" if it is.
func (g *gate) foreign(r *http.Request) string {
	if !g.opt.AllowRemote && !g.isOurName(r) {
		return "the request is for another host: call it localhost or by its address"
	}
	// Browsers say where a request comes from; programs do not.
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return "the request comes from another site"
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return "the request comes from another site"
		}
	}
	return ""
}

// isOurName reports whether the host that a request names is this machine. A page
// whose name was rebound to our address still says its own name. Whoever comes by
// a socket's file comes from this machine, whatever he says.
func (g *gate) isOurName(r *http.Request) bool {
	if at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && at.Network() == "unix" {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") || slices.ContainsFunc(g.opt.Hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// knows reports whether the request shows the token, in a time that does not tell
// how much of it was right.
func (g *gate) knows(r *http.Request) bool {
	shown := []string{r.Header.Get("X-Dsim-Token")}
	kind, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(kind, "Bearer") {
		shown = append(shown, strings.TrimSpace(bearer))
	}
	if _, password, ok := r.BasicAuth(); ok {
		shown = append(shown, password)
	}
	known := 0
	for _, s := range shown {
		sum := sha256.Sum256([]byte(s))
		known |= subtle.ConstantTimeCompare(sum[:], g.want[:])
	}
	return known == 1
}
