package xmlrpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// testServer has a few methods that show what a server does.
func testServer() *Server {
	s := NewServer(Limits{})
	s.Handle("echo", Method{Help: "What was given.", Call: func(_ context.Context, args []any) (any, error) {
		if len(args) != 1 {
			return nil, Faultf(FaultParams, "one argument")
		}
		return args[0], nil
	}})
	s.Handle("count", Method{Call: func(_ context.Context, args []any) (any, error) { return len(args), nil }})
	s.Handle("carriage", Method{Call: func(context.Context, []any) (any, error) { return "a\r\nb\r", nil }})
	s.Handle("panic", Method{Call: func(context.Context, []any) (any, error) { panic("at the disco") }})
	s.Handle("nothing", Method{Call: func(context.Context, []any) (any, error) { return struct{}{}, nil }})
	s.Handle("fail", Method{Signatures: [][]string{{"nil"}, {"nil", "int"}}, Call: func(_ context.Context, args []any) (any, error) {
		if len(args) == 0 {
			return nil, errors.New("plainly")
		}
		return nil, Faultf(int(args[0].(int64)), "as asked")
	}})
	s.Handle("wait", Method{Call: func(ctx context.Context, _ []any) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	return s
}

// serve serves on a listener until the test ends.
func serve(t *testing.T, network, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	testServer().Register(mux)
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		fmt.Fprintf(w, "%s %s %s", user, password, r.Header.Get("X-Dsim-Token"))
	})
	h := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go h.Serve(l)
	t.Cleanup(func() { h.Close() })
	return l
}

func client(t *testing.T, url string, opt Options) *Client {
	t.Helper()
	c, err := NewClient(url, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func wantFault(t *testing.T, err error, code int, text string) {
	t.Helper()
	if f := (*Fault)(nil); !errors.As(err, &f) || f.Code != code || !strings.Contains(f.Text, text) {
		t.Errorf("%v, want fault %d with %q", err, code, text)
	}
}

func TestCalls(t *testing.T) {
	ctx := t.Context()
	c := client(t, "http://"+serve(t, "tcp", "127.0.0.1:0").Addr().String(), Options{})
	want := Struct{"a": Array{int64(1), true, nil}, "b": Struct{"c": "\r"}}
	if v, err := c.Call(ctx, "echo", want); err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("%v %v", v, err)
	}
	_, err := c.Call(ctx, "fail", 42)
	wantFault(t, err, 42, "as asked")
	_, err = c.Call(ctx, "fail")
	wantFault(t, err, FaultFailed, "plainly")
	_, err = c.Call(ctx, "fial")
	wantFault(t, err, FaultMethod, `no method "fial"`)
	_, err = c.Call(ctx, "fail", "x", 1)
	wantFault(t, err, FaultParams, "fail is called as fail() or fail(int), not with (string, int)")
	_, err = c.Call(ctx, "panic")
	wantFault(t, err, FaultInternal, "disco")
	_, err = c.Call(ctx, "nothing")
	wantFault(t, err, FaultInternal, "no form")
	if _, err := c.Call(ctx, "echo", int64(1)<<40); err == nil || errors.As(err, new(*Fault)) {
		t.Errorf("an argument that cannot be sent: %v", err)
	}
	names, err := c.Call(ctx, "system.listMethods")
	if err != nil || len(names.(Array)) != 11 {
		t.Errorf("%v %v", names, err)
	}
}

func TestMulticall(t *testing.T) {
	c := client(t, "http://"+serve(t, "tcp", "127.0.0.1:0").Addr().String(), Options{})
	one := func(name string, params ...any) Struct { return Struct{"methodName": name, "params": params} }
	v, err := c.Call(t.Context(), multicall, Array{
		one("echo", "x"), one("fail", 7), one(multicall, Array{}), one("nothing"), "no struct", one("count"),
	})
	if err != nil {
		t.Fatal(err)
	}
	list := v.(Array)
	code := func(i int) any { return list[i].(Struct)["faultCode"] }
	if len(list) != 6 || !reflect.DeepEqual(list[0], Array{"x"}) || code(1) != int64(7) || code(2) != int64(FaultRequest) ||
		code(3) != int64(FaultInternal) || code(4) != int64(FaultRequest) || !reflect.DeepEqual(list[5], Array{int64(0)}) {
		t.Errorf("%#v", list)
	}
	many := make(Array, callsMax+1)
	_, err = c.Call(t.Context(), multicall, many)
	wantFault(t, err, FaultParams, "at most 1000")
}

func TestUnixSockets(t *testing.T) {
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "x.sock")
	serve(t, "unix", path)
	c := client(t, "unix:"+path, Options{Token: "t0"})
	if v, err := c.Call(t.Context(), "count", 1, 2); err != nil || v != int64(2) {
		t.Errorf("%v %v", v, err)
	}
	if b, err := c.Get(t.Context(), "/metrics", 100); err != nil || string(b) != "  t0" {
		t.Errorf("%q %v", b, err)
	}
	if _, err := c.Get(t.Context(), "/metrics", 1); err == nil {
		t.Error("a page longer than its bound was read")
	}
}

func TestClientsSayWhatIsWrong(t *testing.T) {
	ctx := t.Context()
	addr := serve(t, "tcp", "127.0.0.1:0").Addr().String()
	c := client(t, "http://user:secret@"+addr+"/elsewhere", Options{})
	_, err := c.Call(ctx, "echo", 1)
	if h := (*HTTPError)(nil); !errors.As(err, &h) || h.Status != http.StatusNotFound || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v, want 404 and no password", err)
	}
	if b, err := c.Get(ctx, "/metrics", 100); err != nil || string(b) != "user secret " {
		t.Errorf("%q %v", b, err)
	}
	slow := client(t, "http://"+addr, Options{Timeout: 20 * time.Millisecond})
	if _, err := slow.Call(ctx, "wait"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want a time-out", err)
	}
	if _, err := client(t, "http://127.0.0.1:1", Options{}).Call(ctx, "echo"); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:1: echo:") {
		t.Errorf("%v: nobody is there", err)
	}
	for _, bad := range []string{"", "127.0.0.1:9001", "https://a", "unix:x", "unix:/" + strings.Repeat("x", 107), "http://", "http://a/?q", "ftp://u:secret@h"} {
		if _, err := NewClient(bad, Options{}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("address %q: %v", bad, err)
		}
	}
}

func TestHTTPItself(t *testing.T) {
	s := NewServer(Limits{Bytes: 100})
	mux := http.NewServeMux()
	s.Register(mux)
	for _, c := range []struct {
		verb, path, kind, body string
		want                   int
	}{
		{"POST", "/", "text/xml; charset=utf-8", "", 200},
		{"POST", "/RPC2", "application/xml", "<a/>", 200},
		{"POST", "/RPC2", "text/plain", "", 415},
		{"POST", "/RPC2", "", "", 415},
		{"POST", "/RPC3", "text/xml", "", 404},
		{"GET", "/RPC2", "text/xml", "", 405},
		{"POST", "/", "text/xml", strings.Repeat("x", 101), 413},
	} {
		r := httptest.NewRequest(c.verb, c.path, strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.kind)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		b, _ := io.ReadAll(w.Body)
		if w.Code != c.want || c.want == 200 && w.Header().Get("Content-Length") != fmt.Sprint(len(b)) {
			t.Errorf("%s %s %s: %d, want %d; %v", c.verb, c.path, c.kind, w.Code, c.want, w.Header())
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 405 {
		t.Errorf("GET: %d", w.Code)
	}
}
