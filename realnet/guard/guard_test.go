package guard

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const token = "0123456789abcdef"

// shortDir is a directory whose name leaves room for a socket's.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	fmt.Fprintf(w, "hello %s", b)
})

// serve serves h until the test ends, or stop is called.
func serve(t *testing.T, addr string, h http.Handler, opt Options) (l net.Listener, stop func() error) {
	t.Helper()
	l, err := Listen(addr, opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, h, opt) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return l, stop
}

func TestOnlyThisMachineGetsInUnlessAllowed(t *testing.T) {
	open := filepath.Join(shortDir(t), "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	remote := Options{AllowRemote: true, Token: token}
	for _, c := range []struct {
		addr string
		opt  Options
		want string // a part of the error, "" for none
	}{
		{"127.0.0.1:0", Options{}, ""},
		{"localhost:0", Options{}, ""},
		{"http://127.0.0.1:0/", Options{}, ""},
		{":0", Options{}, "beyond this machine"},
		{"0.0.0.0:0", Options{}, "beyond this machine"},
		{"[::]:0", Options{}, "beyond this machine"},
		{"example.org:0", Options{}, "beyond this machine"},
		{"0.0.0.0:0", Options{Token: token}, "beyond this machine"},
		{"0.0.0.0:0", Options{AllowRemote: true}, "with a token only"},
		{"0.0.0.0:0", remote, ""},
		{"127.0.0.1:0", Options{Token: "short"}, "at least 16"},
		{"127.0.0.1:0", Options{Token: "0123456789 abcdef"}, "visible ASCII"},
		{"127.0.0.1", Options{}, "want host:port or unix:/path"},
		{"unix:x.sock", Options{}, "want unix:/path"},
		{"unix:" + open + "/a", Options{}, "its mode 0755 lets others in"},
		{"unix:" + open + "/a", remote, ""},
		{"unix:" + open + "/" + strings.Repeat("a", 107), Options{}, "at most 107"},
		{"unix:" + filepath.Dir(open) + "/a", Options{}, ""},
		{"unix:" + filepath.Dir(open) + "/made/a", Options{}, ""},
		{"unix:" + filepath.Dir(open) + "/not/made/a", Options{}, "no such file"},
	} {
		l, err := Listen(c.addr, c.opt)
		if err == nil {
			l.Close()
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.addr, err, c.want)
		}
	}
	l, err := Listen("127.0.0.1:0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Listen(l.Addr().String(), Options{}); err == nil || !strings.HasSuffix(err.Error(), ": address already in use") {
		t.Errorf("an address that is taken: %v", err)
	}
}

func TestOnlyStaleSocketsOfOurOwnAreReplaced(t *testing.T) {
	path := filepath.Join(shortDir(t), "a")
	l, err := Listen("unix:"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v, want 0600", info.Mode(), err)
	}
	if _, err := Listen("unix:"+path, Options{}); err == nil || !strings.Contains(err.Error(), "somebody listens there") {
		t.Errorf("one that is used: %v", err)
	}
	l.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen("unix:"+path, Options{}); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file: %v", err)
	}
	os.Remove(path)
	// What a process leaves that was killed: a socket, and nobody behind it.
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	l, err = Listen("unix:"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	// A file that took the name of ours is not ours to remove.
	os.Remove(path)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("another's file is gone: %v", err)
	}
}

// request asks the gate, as it stands at an address of loopback.
func request(opt Options, set func(*http.Request)) int {
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:9001/RPC2", strings.NewReader("x"))
	set(r)
	w := httptest.NewRecorder()
	Handler(hello, opt).ServeHTTP(w, r)
	return w.Code
}

func TestWhatOtherSitesCauseIsRefused(t *testing.T) {
	header := func(k, v string) func(*http.Request) { return func(r *http.Request) { r.Header.Set(k, v) } }
	host := func(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }
	opt := Options{Hosts: []string{"box.lan"}}
	for i, c := range []struct {
		set  func(*http.Request)
		want int
	}{
		{func(*http.Request) {}, 200},
		{host("localhost:9001"), 200},
		{host("[::1]:9001"), 200},
		{host("LOCALHOST"), 200},
		{host("box.lan:9001"), 200},
		{host("rebound.example:9001"), 403},
		{host("localhost.example"), 403},
		{host("192.168.0.1:9001"), 403},
		{host(""), 403},
		{header("Origin", "http://127.0.0.1:9001"), 200},
		{header("Origin", "http://127.0.0.1:9002"), 403},
		{header("Origin", "https://example.org"), 403},
		{header("Origin", "null"), 403},
		{header("Origin", "http://"), 403},
		{header("Sec-Fetch-Site", "same-origin"), 200},
		{header("Sec-Fetch-Site", "none"), 200},
		{header("Sec-Fetch-Site", "same-site"), 403},
		{header("Sec-Fetch-Site", "cross-site"), 403},
	} {
		if got := request(opt, c.set); got != c.want {
			t.Errorf("request %d: %d, want %d", i, got, c.want)
		}
	}
	remote := Options{AllowRemote: true, Token: token}
	if got := request(remote, func(r *http.Request) { r.Host = "box.example"; r.Header.Set("X-Dsim-Token", token) }); got != 200 {
		t.Errorf("from afar, by a name of its own: %d", got)
	}
}

func TestTheTokenIsTakenInThreeForms(t *testing.T) {
	for i, c := range []struct {
		set  func(*http.Request)
		want int
	}{
		{func(*http.Request) {}, 401},
		{func(r *http.Request) { r.Header.Set("X-Dsim-Token", token) }, 200},
		{func(r *http.Request) { r.Header.Set("X-Dsim-Token", token+"x") }, 401},
		{func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }, 200},
		{func(r *http.Request) { r.Header.Set("Authorization", "bearer "+token) }, 200},
		{func(r *http.Request) { r.Header.Set("Authorization", "Bearer") }, 401},
		{func(r *http.Request) { r.SetBasicAuth("anybody", token) }, 200},
		{func(r *http.Request) { r.SetBasicAuth("of", "something else"); r.Header.Set("X-Dsim-Token", token) }, 200},
		{func(r *http.Request) { r.SetBasicAuth(token, "") }, 401},
		{func(r *http.Request) { r.SetBasicAuth("anybody", token); r.Header.Set("Origin", "http://evil") }, 403},
	} {
		if got := request(Options{Token: token}, c.set); got != c.want {
			t.Errorf("request %d: %d, want %d", i, got, c.want)
		}
	}
}

func TestTokensAreReadFromPrivateFiles(t *testing.T) {
	path := filepath.Join(shortDir(t), "token")
	for _, c := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{token + "\n", 0o600, ""},
		{token + "\r\n", 0o400, ""},
		{token, 0o644, "lets others in"},
		{token + "\n\n", 0o600, "visible"},
		{"short\n", 0o600, "at least 16"},
		{strings.Repeat("x", 2000), 0o600, "at most 1024"},
	} {
		os.Remove(path)
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		got, err := ReadToken(path)
		if (err == nil) != (c.want == "") || err == nil && got != token || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.20q %o: %q %v, want %q", c.text, c.mode, got, err, c.want)
		}
	}
	if _, err := ReadToken(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	l, _ := serve(t, "127.0.0.1:0", hello, Options{BodyMax: 10})
	url := "http://" + l.Addr().String()
	for body, want := range map[string]int{"0123456789": 200, "0123456789a": 413} {
		for _, r := range []io.Reader{strings.NewReader(body), io.MultiReader(strings.NewReader(body))} { // the second without a length
			resp, err := http.Post(url, "text/plain", r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%d bytes: %d, want %d", len(body), resp.StatusCode, want)
			}
		}
	}
	req, _ := http.NewRequest(http.MethodGet, url, http.NoBody)
	req.Header.Set("X", strings.Repeat("x", 2*headerBytes))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("long headers: %d", resp.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestConnectionsAreBounded(t *testing.T) {
	l, _ := serve(t, "127.0.0.1:0", hello, Options{ConnsMax: 2})
	var held []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	ask := func() int {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return 0 // it was closed with our request unread
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := ask(); got == 200 {
		t.Error("a third connection was let in")
	}
	for _, c := range held {
		c.Close()
	}
	for until := time.Now().Add(5 * time.Second); ask() != 200; {
		if time.Now().After(until) {
			t.Fatal("places were not given back")
		}
	}
}

// A stream of events is told to end; an answer under way is waited for.
func TestServeEndsGracefully(t *testing.T) {
	entered, release := make(chan bool, 2), make(chan bool)
	mux := http.NewServeMux()
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "begin ")
		http.NewResponseController(w).Flush()
		entered <- true
		<-r.Context().Done()
		fmt.Fprint(w, "end")
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		entered <- true
		<-release
		fmt.Fprint(w, "done")
	})
	path := filepath.Join(shortDir(t), "a")
	_, stop := serve(t, "unix:"+path, mux, Options{})
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	got := make(chan string, 2)
	for _, p := range []string{"/stream", "/slow"} {
		go func() {
			resp, err := client.Get("http://anything" + p)
			if err != nil {
				got <- err.Error()
				return
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			got <- fmt.Sprint(string(b), err)
		}()
		<-entered
	}
	ended := make(chan error)
	go func() { ended <- stop() }()
	release <- true
	if err := <-ended; err != nil {
		t.Error(err)
	}
	a, b := <-got, <-got
	if a+b != "begin end<nil>done<nil>" && b+a != "begin end<nil>done<nil>" {
		t.Errorf("answers %q and %q", a, b)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}
