package switchyard

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/internal/talk"
	"example.com/dsim/protocols/stream"
)

func newFabric(t testing.TB, change func(*FabricConfig)) *talk.Cell {
	c := FabricDefaults()
	if change != nil {
		change(&c)
	}
	f := talk.NewCell(t, "fabric")(NewFabric(c))
	f.Start()
	f.Take()
	return f
}

// said gives what was asked for since the last time, messages in words, without
// emissions:
//
//	2: WELCOME endpoint=0 flags=0x0 "{}"    close 2    arm 0 1s
func said(t testing.TB, c *talk.Cell) (lines []string) {
	t.Helper()
	for _, line := range c.Take() {
		words := strings.SplitN(line, " ", 3)
		switch words[0] {
		case "emit":
		case "send":
			b, err := hex.DecodeString(words[2])
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range messagesOf(t, b) {
				lines = append(lines, words[1]+": "+m.String())
			}
		default:
			lines = append(lines, line)
		}
	}
	return lines
}

func messagesOf(t testing.TB, b []byte) (list []Message) {
	t.Helper()
	s := stream.NewSplitter(FramingOf())
	s.Feed(b)
	for frame, ok := s.Next(); ok; frame, ok = s.Next() {
		m, err := ParseMessage(frame)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	if s.Err() != nil || s.Pending() > 0 {
		t.Fatalf("%x: %v, %d bytes left", b, s.Err(), s.Pending())
	}
	return list
}

func wantSaid(t testing.TB, c *talk.Cell, why string, want ...string) {
	t.Helper()
	got := said(t, c)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("%s: %s:\ngot  %s\nwant %s", c.Name, why, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// control is a control message as a client sends it.
func control(typ Type, payload string) []byte {
	return Message{typ, 0, 0, []byte(payload)}.Append(nil)
}

func subscribe(endpoint, flags uint32) []byte {
	return Message{TypeSubscribe, endpoint, flags, nil}.Append(nil)
}

func packet(endpoint uint32, frame []byte) []byte {
	return Message{TypePacketOut, endpoint, 0, frame}.Append(nil)
}

// frameOf is a frame with a text in it.
func frameOf(t testing.TB, dst, src, text string) []byte {
	t.Helper()
	var b []byte
	for _, s := range []string{dst, src} {
		mac, err := eth.ParseMAC(s)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, mac[:]...)
	}
	return append(append(b, 0x88, 0xb6), text...)
}

// enter is a client that has said hello, created an endpoint and subscribed.
func enter(t testing.TB, f *talk.Cell, name string, flags uint32) (port cells.Port, id uint32) {
	t.Helper()
	port = f.Accept(1)
	f.Recv(port, control(TypeHello, `{"client_name": "`+name+`"}`))
	f.Recv(port, control(TypeEndpointCreate, `{"name": "`+name+`"}`))
	p := f.P.(*fabric).byName[name]
	if p == nil {
		t.Fatalf("no endpoint %s: %v", name, said(t, f))
	}
	f.Recv(port, subscribe(p.id, flags))
	f.Take()
	return port, p.id
}

func in(port cells.Port, endpoint, flags uint32, frame []byte) string {
	return fmt.Sprintf("%d: %s", port, Message{TypePacketIn, endpoint, flags, frame})
}

func failed(port cells.Port, text string) string {
	return fmt.Sprintf("%d: ERROR endpoint=0 flags=0x0 %q", port, encode(errorPayload{text}))
}

const (
	mac1 = "02:53:59:00:00:01"
	mac2 = "02:53:59:00:00:02"
	mac3 = "02:53:59:00:00:03"
	all  = "ff:ff:ff:ff:ff:ff"
)
