package datacenter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/guard"
)

// served is a controller that serves at its socket, and a client of it.
func served(t *testing.T) (*Controller, *Client) {
	t.Helper()
	c := start(t)
	s := NewServer(c)
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.Serve(ctx, []string{"unix:" + c.run.Socket()}, guard.Options{}, func([]string) { close(ready) })
	}()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	client, err := NewClient("unix:"+c.run.Socket(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return c, client
}

var probeBody = CellBody{Protocol: "probe", Ports: []string{"p0", "p1"}}

func TestAClientDoesWhatTheControllerCan(t *testing.T) {
	c, dc := served(t)
	ctx := t.Context()
	must := func(v uint64, err error) uint64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	must(dc.AddCell(ctx, "alice", probeBody))
	if v := must(dc.AddCell(ctx, "alice", probeBody)); v != 1 {
		t.Errorf("the same cell again made version %d", v)
	}
	must(dc.AddCell(ctx, "a b/c", probeBody))
	ab := LinkBody{Ends: []string{"alice:p0", "a b/c:p0"}, Both: map[string]string{"delay": "1ms"}}
	must(dc.AddLink(ctx, "ab", ab))
	if v := must(dc.AddLink(ctx, "ab", ab)); v != 3 {
		t.Errorf("the same link again made version %d", v)
	}
	talk(t, c, "alice", "a b/c", "hello")
	if answer, err := dc.Command(ctx, "alice", []string{"keep", "two  words"}); answer != "ok" || err != nil {
		t.Errorf("the answer is %q, %v", answer, err)
	}
	must(dc.SetLink(ctx, "ab", map[string]string{"loss": "10%"}, map[string]string{"delay": "2ms"}, nil))
	must(dc.Fault(ctx, "ab", Fault{Op: "cut", How: "hold"}))
	must(dc.Fault(ctx, "ab", Fault{Op: "inject", Direction: "ba", Params: map[string]string{"dup": "5%"}}))
	_, top, err := dc.Topology(ctx)
	if err != nil || top.Links["ab"].AB["cut"] != "hold" || top.Links["ab"].AB["delay"] != "2ms" || top.Links["ab"].BA["dup"] != "5%" {
		t.Errorf("there is %+v, %v", top.Links, err)
	}
	must(dc.Fault(ctx, "ab", Fault{Op: "heal"}))
	must(dc.Fault(ctx, "ab", Fault{Op: "clear"}))
	if _, top, err = dc.Topology(ctx); err != nil || len(top.Links["ab"].Both) != 1 || top.Links["ab"].AB != nil {
		t.Errorf("after clear there is %+v, %v", top.Links, err)
	}
	if v := must(dc.Declare(ctx, 0, top)); v != must(dc.Declare(ctx, 0, top)) {
		t.Error("declaring what there is changes it")
	}
	must(dc.SetCell(ctx, "alice", map[string]string{"run": "pause"}))
	st, err := dc.Status(ctx)
	if err != nil || len(st.Cells) != 2 || st.Cells[1].Run != "paused" || st.Cells[1].PID != c.Process("alice") || st.Links[0].State != "connected" {
		t.Errorf("the status is %+v, %v", st, err)
	}
	snap, err := dc.Snapshot(ctx)
	if err != nil || len(snap.Cells) != 2 || snap.Cells[1].Run != cells.Paused {
		t.Errorf("the snapshot is %+v, %v", snap, err)
	}
	if err := dc.Kill(ctx, "a b/c"); err != nil {
		t.Error(err)
	}
	lines, err := dc.Logs(ctx, "a b/c", 10)
	if err != nil || len(lines) == 0 || lines[0] != "cell a b/c, life 0" {
		t.Errorf("its log is %q, %v", lines, err)
	}
	if m, err := dc.Metrics(ctx); err != nil || len(m.Cells) != 2 || m.Lost["killed by signal 9 (killed)"] != 1 {
		t.Errorf("the metrics are %+v, %v", m, err)
	}
	must(dc.RemoveLink(ctx, "ab", true))
	must(dc.RemoveCell(ctx, "alice"))
	version := c.Version()
	if v := must(dc.Apply(ctx, version+5, []ChangeBody{{Op: "remove-cell", Name: "a b/c"}})); v != version+5 {
		t.Errorf("version %d", v)
	}
}

func TestRefusalsSayWhy(t *testing.T) {
	_, dc := served(t)
	ctx := t.Context()
	if _, err := dc.AddCell(ctx, "alice", probeBody); err != nil {
		t.Fatal(err)
	}
	try := func(_ uint64, err error) error { return err }
	for _, q := range []struct {
		why    string
		err    error
		status int
		words  string
	}{
		{"a cell that is another", try(dc.AddCell(ctx, "alice", CellBody{Protocol: "probe"})), 422, `cell "alice": exists already`},
		{"an unknown protocol", try(dc.AddCell(ctx, "bob", CellBody{Protocol: "x"})), 422, `no protocol "x"`},
		{"no protocol", try(dc.AddCell(ctx, "bob", CellBody{})), 422, `cell "bob"`},
		{"a cell that is not there", try(dc.RemoveCell(ctx, "bob")), 404, `no cell "bob"`},
		{"a link that is not there", try(dc.SetLink(ctx, "x", nil, nil, nil)), 404, `no link "x"`},
		{"a link to nobody", try(dc.AddLink(ctx, "x", LinkBody{Ends: []string{"alice:p0", "bob:p0"}})), 422, `no cell "bob"`},
		{"one end", try(dc.AddLink(ctx, "x", LinkBody{Ends: []string{"alice:p0"}})), 422, "body.ends"},
		{"a stale version", try(dc.Apply(ctx, 1, []ChangeBody{{Op: "remove-cell", Name: "alice"}})), 409, "stale version"},
		{"an unknown op", try(dc.Apply(ctx, 0, []ChangeBody{{Op: "move-cell", Name: "alice"}})), 422, "body.changes[0].op"},
		{"an unknown setting", try(dc.SetCell(ctx, "alice", map[string]string{"mood": "good"})), 422, `"mood"`},
		{"elsewhere and here", try(dc.AddCell(ctx, "z", CellBody{URL: "http://127.0.0.1:1", Elsewhere: true})), 422, "elsewhere"},
	} {
		var refused *Refused
		if !errors.As(q.err, &refused) || refused.Status != q.status || !strings.Contains(refused.Text, q.words) {
			t.Errorf("%s: %v, want %d and %q in it", q.why, q.err, q.status, q.words)
		}
	}
	nobody, err := NewClient("unix:/nowhere/dc.sock", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nobody.Status(ctx); !errors.Is(err, ErrNobody) {
		t.Errorf("where nobody is: %v", err)
	}
}

func TestTheAPIIsStrictAndDescribed(t *testing.T) {
	c := start(t)
	url := serve(t, c)
	ask := func(method, path, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	defer http.DefaultClient.CloseIdleConnections()
	code, text := ask("GET", "/api/openapi.json", "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || code != 200 || !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Paths) < 12 {
		t.Errorf("the description: %d, version %q, %d paths, %v", code, doc.OpenAPI, len(doc.Paths), err)
	}
	for _, q := range []struct {
		method, path, body string
		code               int
		words              string
	}{
		{"PUT", "/api/cells/a", `{"protocol":"probe","colour":"red"}`, 422, "unexpected property"},
		{"PUT", "/api/cells/a", `{"protocol":`, 400, ""},
		{"PUT", "/api/cells/a", `{"protocol":"probe"}`, 200, `"version":"1"`},
		{"GET", "/api/status?colour=red", "", 422, ""},
		{"GET", "/api/cells/b", "", 404, `no cell`},
		{"GET", "/api/cells/a", "", 200, `"up":true`},
		{"GET", "/docs", "", 404, ""},
		{"GET", "/", "", 405, ""},
	} {
		code, text := ask(q.method, q.path, q.body)
		if code != q.code || !strings.Contains(text, q.words) {
			t.Errorf("%s %s %s: %d %s, want %d and %q in it", q.method, q.path, q.body, code, text, q.code, q.words)
		}
		if strings.Contains(text, "$schema") {
			t.Errorf("%s %s: a link to a schema: %s", q.method, q.path, text)
		}
	}
}

func TestEventsAreFollowed(t *testing.T) {
	c, dc := served(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	next(t, c, probeCell("alice"))
	var seen []string
	enough := errors.New("enough")
	err := dc.Follow(ctx, 0, func(e Event) error {
		seen = append(seen, e.Kind)
		switch {
		case e.Cell == "alice":
			next(t, c, probeCell("bob"), joinChange("ab", "alice:p0", "bob:p0"))
		case e.Kind == "link-added":
			if err := c.Kill("bob"); err != nil {
				t.Error(err)
			}
		case e.Kind == "cell-died":
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("following ended with %v after %v", err, seen)
	}
	list, err := dc.Events(ctx, 1, 2)
	if err != nil || len(list) != 2 || list[0].N != 2 {
		t.Errorf("after the first come %+v, %v", list, err)
	}
}

func TestSomebodyMayAskForTheEnd(t *testing.T) {
	c, dc := served(t)
	next(t, c, probeCell("alice"))
	followed, heard := make(chan error, 1), make(chan Event, 1)
	go func() {
		followed <- dc.Follow(t.Context(), 0, func(e Event) error { heard <- e; return nil })
	}()
	<-heard
	if err := dc.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-followed; err != nil {
		t.Errorf("the stream ended with %v", err)
	}
}

func TestOthersGetInWithATokenOnly(t *testing.T) {
	c := start(t)
	s := NewServer(c)
	token := strings.Repeat("secret", 4)
	ctx, cancel := context.WithCancel(t.Context())
	at, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- s.Serve(ctx, []string{"127.0.0.1:0"}, guard.Options{Token: token}, func(list []string) { at <- list[0] })
	}()
	url := <-at
	for _, q := range []struct {
		url, token string
		in         bool
	}{{url, "", false}, {url, "wrong", false}, {url, token, true}, {strings.Replace(url, "http://", "http://dc:"+token+"@", 1), "", true}} {
		dc, err := NewClient(q.url, q.token)
		if err != nil {
			t.Fatal(err)
		}
		_, err = dc.Status(t.Context())
		if (err == nil) != q.in {
			t.Errorf("with token %q at %s: %v", q.token, dc, err)
		}
		dc.Close()
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := NewServer(c).Serve(t.Context(), []string{"0.0.0.0:0"}, guard.Options{}, nil); err == nil {
		t.Error("it serves everybody")
	}
}

func TestTheLogOfACellIsBounded(t *testing.T) {
	l, err := newLogFile(t.TempDir() + "/c1.log")
	if err != nil {
		t.Fatal(err)
	}
	line := bytes.Repeat([]byte("x"), 999)
	for i := range 2000 {
		line[0] = byte('a' + i%26)
		if n, err := l.Write(append(line, '\n')); n != 1000 || err != nil {
			t.Fatal(n, err)
		}
	}
	tail := l.tail(300)
	if len(tail) != 300 || tail[299][0] != 'a'+1999%26 || tail[0][0] != 'a'+1700%26 {
		t.Errorf("the tail has %d lines", len(tail))
	}
	if n := len(l.tail(1 << 20)); n*1000 > 2*logMax {
		t.Errorf("%d lines are kept", n)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if n, err := l.Write(line); n != len(line) || err != nil {
		t.Errorf("after its end: %d, %v", n, err)
	}
}

func TestTheRingKeepsTheLast(t *testing.T) {
	r := newRing(4)
	for range 10 {
		r.add(Event{})
	}
	for _, q := range []struct {
		after uint64
		most  int
		want  []uint64
	}{{0, 9, []uint64{7, 8, 9, 10}}, {8, 9, []uint64{9, 10}}, {0, 2, []uint64{7, 8}}, {10, 9, nil}, {99, 9, []uint64{7, 8, 9, 10}}} {
		list, _, over := r.after(q.after, q.most)
		var got []uint64
		for _, e := range list {
			got = append(got, e.N)
		}
		if len(got) != len(q.want) || over {
			t.Errorf("after %d come %v, want %v", q.after, got, q.want)
			continue
		}
		for i := range got {
			if got[i] != q.want[i] {
				t.Errorf("after %d come %v, want %v", q.after, got, q.want)
			}
		}
	}
	_, more, _ := r.after(10, 1)
	r.close()
	<-more
	if _, _, over := r.after(0, 1); !over {
		t.Error("it does not say that it has ended")
	}
}
