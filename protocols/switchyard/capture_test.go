package switchyard

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestCaptureRing(t *testing.T) {
	f := newFabric(t, func(c *FabricConfig) { c.Capture, c.CaptureBytes = 100, 300 })
	a, _ := enter(t, f, "a", 0)
	b, _ := enter(t, f, "b", 0)
	for i := range 500 {
		f.Time = f.Time.Add(time.Millisecond)
		f.Recv(a, packet(1, frameOf(t, mac2, mac1, strings.Repeat("x", i%17))))
	}
	f.Take()
	kept := f.P.(*fabric).ring.kept()
	bytes := 0
	for i, x := range kept {
		bytes += len(x.Frame)
		if i > 0 && x.Number != kept[i-1].Number+1 {
			t.Errorf("%d after %d", x.Number, kept[i-1].Number)
		}
	}
	if bytes > 300 || bytes != f.P.(*fabric).ring.bytes || kept[len(kept)-1].Number != 500 || len(kept) < 9 {
		t.Errorf("%d frames of %d bytes", len(kept), bytes)
	}
	f.Recv(a, packet(1, make([]byte, 301)))
	if f.Attr("captured") != 500 {
		t.Error("a frame larger than the ring is in it")
	}
	f.Take()
	get := func(payload string) (list capturePayload) {
		t.Helper()
		f.Recv(b, control(TypeCaptureGet, payload))
		got := f.Take()
		m := messagesOf(t, unhexed(strings.SplitN(got[len(got)-1], " ", 3)[2]))[0]
		if m.Type != TypeCaptureData {
			t.Fatal(m)
		}
		if err := json.Unmarshal(m.Payload, &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	all := get(`{}`)
	if len(all.Frames) != len(kept) || all.Next != 0 {
		t.Errorf("%d frames, next %d", len(all.Frames), all.Next)
	}
	first := get(`{"from": 1, "max": 2}`)
	if len(first.Frames) != 2 || first.Next != kept[2].Number || string(first.Frames[0].Frame) != string(kept[0].Frame) || first.Frames[0].Time != int64(time.Duration(kept[0].Number)*time.Millisecond) {
		t.Errorf("%+v", first)
	}
	if rest := get(`{"from": 501}`); len(rest.Frames) != 0 || rest.Next != 0 {
		t.Errorf("%+v", rest)
	}
	f.Recv(b, control(TypeCaptureGet, `{"from": "x"}`))
	wantSaid(t, f, "no number", failed(b, "bad CAPTURE_GET: from: want a whole number up to 9223372036854775807"))
}

// Pages of large frames fit a message, and lead through all of them.
func TestCapturePages(t *testing.T) {
	f := newFabric(t, func(c *FabricConfig) { c.Limit = 63 << 10 })
	a, _ := enter(t, f, "a", 0)
	for _, n := range []int{20_000, 20_000, 60_000, 10_000} {
		f.Recv(a, packet(1, frameOf(t, mac2, mac1, strings.Repeat("x", n))))
	}
	f.Take()
	var sizes []int
	for next := uint64(1); next != 0; {
		f.Recv(a, control(TypeCaptureGet, string(encode(map[string]uint64{"from": next}))))
		m := messagesOf(t, unhexed(strings.SplitN(f.Take()[0], " ", 3)[2]))[0]
		var page capturePayload
		if err := json.Unmarshal(m.Payload, &page); err != nil || len(sizes) > 5 {
			t.Fatal(err, sizes)
		}
		for _, x := range page.Frames {
			sizes = append(sizes, len(x.Frame))
		}
		next = page.Next
	}
	if len(sizes) != 3 || sizes[2] != 10_014 {
		t.Errorf("%v: all but the one no message holds", sizes)
	}
}

func TestReplay(t *testing.T) {
	f := newFabric(t, nil)
	a, _ := enter(t, f, "a", 0)
	b, _ := enter(t, f, "b", 0)
	for i := range 3 {
		f.Time = f.Time.Add(time.Duration(i) * 10 * time.Millisecond)
		f.Recv(a, packet(1, frameOf(t, mac2, mac1, "hi")))
	}
	f.Take()
	f.Recv(b, control(TypeReplay, `{"scale": "1/2", "from": 2}`))
	wantSaid(t, f, "begins", "arm 0 0s", `3: OK endpoint=0 flags=0x0 "{\"frames\":2}"`)
	hi := in(b, 2, 0, frameOf(t, mac2, mac1, "hi"))
	f.Fire(timerLater)
	wantSaid(t, f, "the first at once", "arm 0 10ms", hi)
	f.Fire(timerLater)
	wantSaid(t, f, "the second after half the time", hi)
	for payload, want := range map[string]string{
		`{"from": 9}`:    "bad REPLAY: no such frames are there any more",
		`{"scale": "x"}`: `bad REPLAY: scale "x": want original, a whole number, or a fraction as 1/10, up to 1000000`,
		`{"scale": 1}`:   "bad REPLAY: scale: want a text",
	} {
		f.Recv(b, control(TypeReplay, payload))
		wantSaid(t, f, payload, failed(b, want))
	}
	if f.Attr("replayed") != 2 || f.Attr("captured") != 3 {
		t.Errorf("replayed %d, captured %d", f.Attr("replayed"), f.Attr("captured"))
	}
	if got := scaled(1<<62, scaleMax, 1); got <= 0 {
		t.Errorf("a scale overflows to %s", got)
	}
	if got := scaled(7, 3, 2); got != 10 {
		t.Errorf("7ns times 3/2 is %s", got)
	}
}

func TestStats(t *testing.T) {
	f := newFabric(t, nil)
	a, _ := enter(t, f, "a", 0)
	for i := range 40 {
		f.Recv(a, control(TypeEndpointCreate, string(encode(createPayload{Name: strings.Repeat("x", i+1)}))))
	}
	f.Take()
	seen := 0
	for next := uint32(1); next != 0; {
		f.Recv(a, control(TypeStatsGet, string(encode(map[string]uint32{"from": next}))))
		m := messagesOf(t, unhexed(strings.SplitN(f.Take()[0], " ", 3)[2]))[0]
		var page statsPayload
		if err := json.Unmarshal(m.Payload, &page); err != nil || m.Type != TypeStats || seen > 50 {
			t.Fatal(m, err)
		}
		if page.Counters["endpoints"] != 41 || page.Endpoints[0].Endpoint != next {
			t.Errorf("%+v", page)
		}
		seen += len(page.Endpoints)
		next = page.Next
	}
	if seen != 41 {
		t.Errorf("%d endpoints", seen)
	}
}

func TestFabricCommands(t *testing.T) {
	f := newFabric(t, nil)
	a, _ := enter(t, f, "ann", 0)
	b, _ := enter(t, f, "ben", 0)
	f.Recv(a, packet(1, frameOf(t, mac2, mac1, "hi")))
	f.Take()
	p := f.P.(*fabric)
	for _, c := range []struct{ command, want, fails string }{
		{"endpoints", "1 ann 02:53:59:00:00:01 subscriptions=1 in=1 out=0\n2 ben 02:53:59:00:00:02 subscriptions=1 in=0 out=1", ""},
		{"macs", "02:53:59:00:00:01 ann\n02:53:59:00:00:02 ben", ""},
		{"impair ann * drop=1% latency=1ms", "said", ""},
		{"impair * ben dup=1%", "said", ""},
		{"impair", "* ben dup=1%\nann * drop=1% latency=1ms", ""},
		{"impair ann *", "said", ""},
		{"impair x", "", "impair: want FROM TO and what happens"},
		{"impair x y z", "", `impair: no impairment "z"; one of drop, dup, reorder, gap, latency, jitter`},
		{"rule ben 1 count; drop ether=arp ;", "2 rules, version 1", ""},
		{"rule ben 1 drop", "", "rule: version 1: ben has version 1 already"},
		{"rule ben x", "", `rule: version "x": want a whole number`},
		{"rule ben", "", "rule: want ENDPOINT VERSION and rules, with ; between them"},
		{"rules", "", "rules: want an endpoint"},
		{"rules x", "", "no such endpoint: x"},
		{"capture", "1 frames of 16 bytes, number 1 to 1", ""},
		{"replay 2/3 1 1", "1 frames", ""},
		{"replay x", "", `replay: scale "x": want original, a whole number, or a fraction as 1/10, up to 1000000`},
		{"replay 1 2", "", "replay: no such frames are there any more"},
		{"replay 1 x", "", `replay: "x": want the number of a frame`},
		{"kick x", "", "no such endpoint: x"},
		{"kick", "", "kick: want an endpoint"},
		{"kik ann", "", `unknown command "kik"; did you mean "kick"?`},
		{"", "", "no command: want stats, endpoints, macs, impair, rule, rules, capture, replay, kick"},
	} {
		got, err := p.Command(f, strings.Fields(c.command))
		fails := ""
		if err != nil {
			fails = err.Error()
		}
		if got != c.want || fails != c.fails {
			t.Errorf("%s: %q, %q", c.command, got, fails)
		}
	}
	if got, err := p.Command(f, []string{"stats"}); err != nil || !strings.HasPrefix(got, "listening=true connections=2 endpoints=2 ") {
		t.Error(got, err)
	}
	f.Take()
	if got, err := p.Command(f, []string{"kick", "ben"}); err != nil || got != "kicked" {
		t.Error(got, err)
	}
	wantSaid(t, f, "kicked", failed(b, "kicked: ben"), "close 3")
	f.Recv(a, control(TypeEndpointLookup, `{"name": "ben"}`))
	wantSaid(t, f, "gone", failed(a, "no such endpoint: ben"))
}
