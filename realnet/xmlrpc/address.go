package xmlrpc

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// PathMax is the longest name of a UNIX socket.
const PathMax = 107

// address is where a server is and how one gets in.
type address struct {
	url      string // for net/http
	root     string // the same without a path
	user     string
	password string
	socket   string // the file of a UNIX socket; empty for TCP
}

// parseAddress reads "http://host:port[/path]", with "user:password@" before
// the host, or "unix:/path/to.sock". Without a path it is /RPC2, as in Python.
func parseAddress(text string) (address, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		switch {
		case !strings.HasPrefix(path, "/"):
			return address{}, fmt.Errorf("address %q: a UNIX socket is unix:/path", short(text))
		case len(path) > PathMax:
			return address{}, fmt.Errorf("address %q: the name of a UNIX socket has at most %d bytes", short(text), PathMax)
		}
		// The host is what guard expects of those who come by a file.
		return address{url: "http://localhost/RPC2", root: "http://localhost", socket: path}, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return address{}, fmt.Errorf("address %q: want http://host:port or unix:/path", short(redact(text)))
	case u.Scheme != "http":
		return address{}, fmt.Errorf("address %q: scheme %q: want http or unix", short(redact(text)), short(u.Scheme))
	case u.RawQuery != "" || u.Fragment != "":
		return address{}, fmt.Errorf("address %q: has a query or a fragment", short(redact(text)))
	}
	a := address{user: u.User.Username()}
	a.password, _ = u.User.Password()
	u.User = nil
	path := u.Path
	if path == "" {
		path = "/RPC2"
	}
	u.Path = ""
	a.root = u.String()
	u.Path = path
	a.url = u.String()
	return a, nil
}

// redact takes away what may be a password.
func redact(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if i := strings.LastIndex(rest, "@"); ok && i >= 0 {
		return scheme + "://…@" + rest[i+1:]
	}
	return text
}

// transport gets to the address. It asks no proxy of the environment: cells and
// their datacenter are on one machine, or named by whoever runs them.
func (a address) transport() *http.Transport {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	if a.socket != "" {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", a.socket)
		}
	}
	return t
}
