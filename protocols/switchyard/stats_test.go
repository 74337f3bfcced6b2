package switchyard

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/cells"
)

func TestStatsCome(t *testing.T) {
	f := newFabric(t, nil)
	a, _ := enter(t, f, "a", 0)
	get := func(payload string) (s statsPayload) {
		t.Helper()
		f.Recv(a, control(TypeStatsGet, payload))
		list := messagesSent(t, f.Take())
		if len(list) != 1 || list[0].Type != TypeStats || json.Unmarshal(list[0].Payload, &s) != nil {
			t.Fatalf("%s", list)
		}
		return s
	}
	for i := range 69 {
		f.Recv(a, control(TypeEndpointCreate, fmt.Sprintf(`{"name": "e%d"}`, i)))
	}
	f.Take()
	next := []uint32{33, 65, 0}
	var from, last uint32
	for i, n := range []int{32, 32, 6} {
		page := get(fmt.Sprintf(`{"from": %d}`, from))
		if len(page.Endpoints) != n || page.Next != next[i] {
			t.Fatalf("from %d: %d endpoints, next %d", from, len(page.Endpoints), page.Next)
		}
		for _, p := range page.Endpoints {
			if p.Endpoint != last+1 {
				t.Errorf("%d behind %d", p.Endpoint, last)
			}
			last = p.Endpoint
		}
		from = page.Next
	}
	if rest := get(`{"from": 71}`); len(rest.Endpoints) != 0 || rest.Next != 0 {
		t.Errorf("%+v", rest)
	}
	f.Recv(a, control(TypeStatsGet, `{"from": 4294967296}`))
	wantSaid(t, f, "no number", failed(a, "bad STATS_GET: from: want a whole number up to 4294967295"))
}

// The first page has what is said of pairs, as much as there is room for.
func TestStatsOfPairs(t *testing.T) {
	f := newFabric(t, func(c *FabricConfig) { c.Impair = []string{"b a latency=1ms", "* b drop=10%"} })
	a, _ := enter(t, f, "a", 0)
	for _, x := range []struct {
		payload string
		lines   []string
		left    int
	}{
		{`{}`, []string{"* b drop=10%", "b a latency=1ms"}, 0},
		{`{"from": 2}`, nil, 0},
	} {
		s := statsPayload{}
		f.Recv(a, control(TypeStatsGet, x.payload))
		if err := json.Unmarshal(messagesSent(t, f.Take())[0].Payload, &s); err != nil || !slices.Equal(s.Impairments, x.lines) || s.LeftOut != x.left {
			t.Errorf("%s: %q, %d left out, %v", x.payload, s.Impairments, s.LeftOut, err)
		}
	}
	fabric := f.P.(*fabric)
	for i := range 1000 {
		if err := fabric.setImpairment(pair{fmt.Sprintf("x%d", i), "y"}, "drop=1%"); err != nil {
			t.Fatal(err)
		}
	}
	lines, left := fabric.impairedNow()
	if n := len(strings.Join(lines, "")); n > impairedBytesMax || n < impairedBytesMax-20 || len(lines)+left != 1002 {
		t.Errorf("%d lines of %d bytes, %d left out", len(lines), n, left)
	}
}

// What is told of an endpoint: frames in and out, subscriptions, and the least
// version of its rules that somebody applies.
func TestStatsOfAnEndpoint(t *testing.T) {
	f := newFabric(t, nil)
	a, _ := enter(t, f, "a", 0)
	f.Recv(a, packet(1, frameOf(t, mac1, mac1, "to oneself")))
	f.Recv(a, packet(1, frameOf(t, mac2, mac1, "to nobody")))
	f.Recv(a, control(TypeRuleSet, `{"endpoint": "a", "version": 5, "rules": ["count"]}`))
	p := f.P.(*fabric).byID[1]
	if got, want := p.stats(), (endpointStats{1, "a", mac1, 1, 2, 1, 5, 5}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	var knows [2]cells.Port
	for i := range knows {
		knows[i] = f.Accept(1)
		f.Recv(knows[i], control(TypeHello, `{"features": ["rules"]}`))
		f.Recv(knows[i], subscribe(1, uint32(i)))
	}
	if got := p.stats(); got.Applied != 0 || got.Subscriptions != 3 {
		t.Errorf("%+v: one has not said yet what it applies", got)
	}
	f.Recv(knows[0], Message{TypeRulesApplied, 1, 0, []byte(`{"version": 5}`)}.Append(nil))
	if got := p.stats(); got.Applied != 5 {
		t.Errorf("%+v: who sees everything applies nothing", got)
	}
	f.Take()
	counters := statsPayload{}
	f.Recv(a, control(TypeStatsGet, `{}`))
	if err := json.Unmarshal(messagesSent(t, f.Take())[0].Payload, &counters); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"frames", "delivered", "greeted", "applied", "rules"} {
		if counters.Counters[name] != f.Attr(name) || f.Attr(name) == 0 {
			t.Errorf("%s is %d, and told as %d", name, f.Attr(name), counters.Counters[name])
		}
	}
}
