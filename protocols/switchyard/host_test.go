package switchyard

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/internal/talk"
)

func newTestHost(t testing.TB, change func(*HostConfig)) *talk.Cell {
	c := HostDefaults()
	c.Name = "ann"
	if change != nil {
		change(&c)
	}
	h := talk.NewCell(t, "ann")(NewHost(c))
	h.Start()
	return h
}

// ready brings the endpoint of a host up on a port.
func hostReady(t testing.TB, h *talk.Cell, port cells.Port) {
	t.Helper()
	h.Up(port)
	h.Recv(port, reply(TypeWelcome, 0, 0, welcome))
	h.Recv(port, reply(TypeEndpointCreated, 0, 0, annIs7))
	h.Recv(port, reply(TypeSubscribed, 7, 0, `{}`))
}

// hostBack brings it up again.
func hostBack(t testing.TB, h *talk.Cell, port cells.Port, who string) {
	t.Helper()
	h.Up(port)
	h.Recv(port, reply(TypeWelcome, 0, 0, welcome))
	h.Recv(port, reply(TypeEndpointInfo, 0, 0, who))
	h.Recv(port, reply(TypeSubscribed, 9, 0, `{}`))
}

// numbered is a host's frame as others send it.
func numbered(t testing.TB, dst, src string, sender uint32, number uint64, echoed uint32) []byte {
	b := frameOf(t, dst, src, "")
	b = binary.BigEndian.AppendUint32(b, sender)
	b = binary.BigEndian.AppendUint64(b, number)
	return binary.BigEndian.AppendUint32(b, echoed)
}

// frames are the numbered frames that a host has sent since the last time, as
// "DST SRC number echoed bytes", and "lookup NAME".
func frames(t testing.TB, h *talk.Cell) (list []string) {
	t.Helper()
	for _, m := range messagesSent(t, h.Take()) {
		switch b := m.Payload; m.Type {
		case TypePacketOut:
			if binary.BigEndian.Uint16(b[12:]) != TypeNumbered {
				t.Errorf("a frame of another type: %x", b)
			}
			list = append(list, fmt.Sprintf("%s %s %d %d %d", eth.MAC(b[:6]), eth.MAC(b[6:12]), binary.BigEndian.Uint64(b[18:]), binary.BigEndian.Uint32(b[26:]), len(b)))
		case TypeEndpointLookup:
			list = append(list, "lookup "+string(b))
		}
	}
	return list
}

func wantFrames(t testing.TB, h *talk.Cell, why string, want ...string) {
	t.Helper()
	if got := frames(t, h); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("%s:\ngot  %s\nwant %s", why, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

const mac7 = "02:53:59:00:00:07"

func TestAHostSendsToItsPeersInTurn(t *testing.T) {
	h := newTestHost(t, func(c *HostConfig) {
		c.Peers, c.Frames, c.Delay, c.Size = []string{"ben", "cid"}, 4, 50*time.Millisecond, des.Constant(5)
	})
	hostReady(t, h, 1)
	wantFrames(t, h, "who are they?", `lookup {"name":"ben"}`, `lookup {"name":"cid"}`)
	h.Recv(1, reply(TypeEndpointInfo, 0, 0, `{"endpoint_id": 2, "name": "ben", "mac": "02:53:59:00:00:02"}`))
	if _, armed := h.Timers[timerHost]; armed {
		t.Error("it begins without cid")
	}
	h.Recv(1, reply(TypeEndpointInfo, 0, 0, `{"endpoint_id": 3, "name": "cid", "mac": "02:53:59:00:00:03"}`))
	if d := h.Timers[timerHost].Sub(h.Time); d != 50*time.Millisecond {
		t.Errorf("it begins after %s", d)
	}
	h.Fire(timerHost)
	wantFrames(t, h, "the first, no shorter than possible", mac2+" "+mac7+" 1 0 30")
	if d := h.Timers[timerHost].Sub(h.Time); d != 10*time.Millisecond {
		t.Errorf("the next after %s", d)
	}
	h.Fire(timerHost)
	wantFrames(t, h, "to the other one, with a number of its own", mac3+" "+mac7+" 1 0 30")
	h.Down(1, cells.ErrReset)
	h.Fire(timerHost)
	wantFrames(t, h, "not without a connection")
	h.Fire(timerDial)
	hostBack(t, h, 2, annIs7)
	wantFrames(t, h, "it goes on at once", `lookup {"name":"ann"}`, `lookup {"name":"ben"}`, `lookup {"name":"cid"}`, mac2+" "+mac7+" 2 0 30")
	h.Recv(2, reply(TypeEndpointInfo, 0, 0, `{"endpoint_id": 9, "name": "ben", "mac": "02:53:59:00:00:09"}`))
	h.Recv(2, reply(TypeEndpointInfo, 0, 0, `{"endpoint_id": 3, "name": "cid", "mac": "02:53:59:00:00:03"}`))
	h.Fire(timerHost)
	wantFrames(t, h, "cid again", mac3+" "+mac7+" 2 0 30")
	if h.Attr("done") != 1 || h.Attr("frames_sent") != 4 || h.Attr("unsent") != 0 {
		t.Errorf("sent %d, unsent %d", h.Attr("frames_sent"), h.Attr("unsent"))
	}
	h.Fire(timerHost)
	wantFrames(t, h, "all are sent")
	if _, armed := h.Timers[timerHost]; armed {
		t.Error("it waits for nothing")
	}
	if got, err := command(h, "send 1"); got != "1 frames more" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	wantFrames(t, h, "ben has another address by now", "02:53:59:00:00:09 "+mac7+" 1 0 30")
}

func command(c *talk.Cell, words string) (string, error) {
	return c.P.(cells.Commander).Command(c, strings.Fields(words))
}

func TestAHostCountsWhatComes(t *testing.T) {
	h := newTestHost(t, func(c *HostConfig) { c.Answer = true })
	hostReady(t, h, 1)
	h.Take()
	hear := func(frame []byte) { h.Recv(1, reply(TypePacketIn, 7, 0, string(frame))) }
	for _, n := range []uint64{5, 6, 9, 8, 9, 10} {
		hear(numbered(t, mac7, mac1, 77, n, 0))
	}
	wantFrames(t, h, "each is answered", strings.Split(strings.Repeat(mac1+" "+mac7+" 0 77 30;", 6), ";")[:6]...)
	hear(numbered(t, all, mac1, 77, 1, 0)) // a stream of its own
	hear(numbered(t, mac7, mac7, 77, 11, 0))
	wantFrames(t, h, "all but one's own", mac1+" "+mac7+" 0 77 30")
	hear(numbered(t, mac3, mac1, 77, 12, 0))      // for somebody else
	hear(numbered(t, mac7, mac1, 77, 13, 0)[:29]) // cut off
	other := numbered(t, mac7, mac1, 77, 14, 0)
	other[13]--
	hear(other) // of another type
	id := h.P.(*Endpoint).app.(*host).id
	hear(numbered(t, mac7, mac1, 77, 0, id))
	hear(numbered(t, mac7, mac1, 77, 0, id+1))
	wantFrames(t, h, "no answer to any of them")
	for name, want := range map[string]int64{"heard": 8, "gaps": 2, "behind": 2, "strays": 3, "answers": 1} {
		if got := h.Attr(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

// A host that moves to an address tells all, and is heard under both; one that
// never moved has the address that the fabric says, another one by and by.
func TestAHostMoves(t *testing.T) {
	h := newTestHost(t, nil)
	hostReady(t, h, 1)
	h.Take()
	if got, err := command(h, "as 02:00:00:00:00:aa"); got != "moved" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	wantFrames(t, h, "it says so", all+" 02:00:00:00:00:aa 1 0 100")
	for _, dst := range []string{mac7, "02:00:00:00:00:aa"} {
		h.Recv(1, reply(TypePacketIn, 7, 0, string(numbered(t, dst, mac1, 77, 1, 0))))
	}
	if h.Attr("heard") != 2 || h.Attr("strays") != 0 {
		t.Errorf("heard %d, strays %d", h.Attr("heard"), h.Attr("strays"))
	}
	moved := func(as string) {
		t.Helper()
		h.Down(1, cells.ErrReset)
		h.Fire(timerDial)
		hostBack(t, h, 2, `{"endpoint_id": 9, "name": "ann", "mac": "02:53:59:00:00:09"}`)
		h.Take()
		if got, err := command(h, "broadcast"); got != "sent" || err != nil {
			t.Errorf("%s, %v", got, err)
		}
		wantFrames(t, h, "from its address", fmt.Sprintf("%s %s %d 0 100", all, as, h.Attr("frames_sent")))
	}
	moved("02:00:00:00:00:aa")
	h = newTestHost(t, nil)
	hostReady(t, h, 1)
	moved("02:53:59:00:00:09")
	for words, want := range map[string]string{
		"send":                 `unknown command "send"`,
		"send -1":              `send "-1": want how many frames`,
		"as":                   `unknown command "as"`,
		"as x":                 `mac "x": want six bytes in hexadecimal, as 02:53:59:00:00:01`,
		"as ff:ff:ff:ff:ff:ff": "as: want the address of a station",
		"sned 1":               `unknown command "sned 1"; did you mean "send"?`,
	} {
		if _, err := command(h, words); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", words, err, want)
		}
	}
	if _, err := h.P.(cells.Commander).Command(h, nil); err == nil || err.Error() != "no command: want send, broadcast, as" {
		t.Error(err)
	}
}

func TestAHostWithoutAConnectionCountsWhatItCannotSend(t *testing.T) {
	h := newTestHost(t, nil)
	_, _ = command(h, "broadcast")
	if h.Attr("frames_sent") != 1 || h.Attr("unsent") != 1 || h.Attr("lost") != 1 {
		t.Errorf("sent %d, unsent %d", h.Attr("frames_sent"), h.Attr("unsent"))
	}
}

func TestHostConfigIsChecked(t *testing.T) {
	for want, change := range map[string]func(*HostConfig){
		"switchyard: interval -1: must not be negative":                                   func(c *HostConfig) { c.Interval = des.Constant(-1) },
		"switchyard: delay -1ns: must not be negative":                                    func(c *HostConfig) { c.Delay = -1 },
		"switchyard: peers: name: want 1 to 255 bytes of text without control characters": func(c *HostConfig) { c.Peers = []string{""} },
		`switchyard: mac "x": want six bytes in hexadecimal, as 02:53:59:00:00:01`:        func(c *HostConfig) { c.MAC = "x" },
		"switchyard: mac 03:00:00:00:00:01: a group address is no endpoint's":             func(c *HostConfig) { c.MAC = "03:00:00:00:00:01" },
		"switchyard: limit 3: at least 30 bytes are needed":                               func(c *HostConfig) { c.Limit = 3 },
	} {
		c := HostDefaults()
		change(&c)
		if _, err := NewHost(c); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := NewHost(HostConfig{}); err != nil {
		t.Error(err)
	}
}
