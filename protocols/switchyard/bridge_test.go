package switchyard

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/internal/talk"
)

// The timers of a bridge: of its left endpoint, and sideTimers on of its right.
const rightSide = sideTimers

func newBridge(t testing.TB) *talk.Cell {
	c := BridgeDefaults()
	c.Name = "br"
	b := talk.NewCell(t, "bridge")(NewBridge(c))
	b.Start()
	return b
}

// join brings one side of a bridge up, as endpoint 7 or 8.
func join(t testing.TB, b *talk.Cell, port cells.Port, id uint32) {
	t.Helper()
	b.Up(port)
	b.Recv(port, reply(TypeWelcome, 0, 0, welcome))
	b.Recv(port, reply(TypeEndpointCreated, 0, 0, fmt.Sprintf(`{"endpoint_id": %d, "name": "br", "mac": "02:53:59:00:00:%02x"}`, id, id)))
	b.Recv(port, reply(TypeSubscribed, id, 0, `{}`))
	b.Take()
}

func TestABridgeTakesFramesAcross(t *testing.T) {
	b := newBridge(t)
	if got := b.Take(); !slices.Equal(got, []string{`emit switchyard-bridge fabrics=0 "left right"`, "dial 1 left:switchyard", "dial 2 right:switchyard"}) {
		t.Fatalf("%q", got)
	}
	join(t, b, 1, 7)
	hi := frameOf(t, all, mac1, "hi")
	b.Recv(1, reply(TypePacketIn, 7, 0, string(hi)))
	wantSaid(t, b, "the right side is not there yet")
	join(t, b, 2, 8)
	b.Recv(1, reply(TypePacketIn, 7, 0, string(hi)))
	carried := fmt.Sprintf("emit switchyard-carried sum=%d side=0", Sum(hi))
	if got := b.Take(); !slices.Contains(got, carried) || got[len(got)-1] != carried || len(messagesSent(t, got)) != 1 {
		t.Errorf("%q", got)
	}
	b.Recv(2, reply(TypePacketIn, 8, 0, string(hi)))
	wantSaid(t, b, "and back", fmt.Sprintf("1: PACKET_OUT endpoint=7 flags=0x0 frame=%x", hi))
	b.Recv(2, reply(TypePacketIn, 8, 0, string(frameOf(t, "02:53:59:00:00:08", mac1, "for the bridge"))))
	b.Recv(2, reply(TypePacketIn, 8, 0, "too short"))
	wantSaid(t, b, "these go nowhere")
	for name, want := range map[string]int64{"to_right": 1, "to_left": 1, "own": 1, "lost": 1, "ready": 1, "left_breaks": 0} {
		if got := b.Attr(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

func messagesSent(t testing.TB, effects []string) (list []Message) {
	t.Helper()
	for _, line := range effects {
		if words := strings.SplitN(line, " ", 3); words[0] == "send" {
			list = append(list, messagesOf(t, unhexed(words[2]))...)
		}
	}
	return list
}

// Each side has its own connection, timers and chance: one that breaks is dialled
// again and takes its endpoint over, while the other goes on.
func TestTheSidesOfABridgeAreApart(t *testing.T) {
	b := newBridge(t)
	b.Up(1)
	b.Up(2)
	if _, left := b.Timers[timerReply]; !left {
		t.Error("the left side does not wait for its welcome")
	}
	if _, right := b.Timers[timerReply+rightSide]; !right {
		t.Error("the right side does not wait for its welcome")
	}
	hellos := messagesSent(t, b.Take())
	if len(hellos) != 2 || string(hellos[0].Payload) == string(hellos[1].Payload) {
		t.Errorf("two sides of one session: %s", hellos)
	}
	join(t, b, 1, 7)
	join(t, b, 2, 8)
	b.Down(2, io.EOF)
	wait := b.Timers[timerDial+rightSide].Sub(b.Time)
	if wait < 50*time.Millisecond || wait > 100*time.Millisecond {
		t.Errorf("the right side waits for %s", wait)
	}
	hi := frameOf(t, all, mac1, "hi")
	b.Take()
	b.Recv(1, reply(TypePacketIn, 7, 0, string(hi)))
	wantSaid(t, b, "lost: there is no right side")
	b.Fire(timerDial + rightSide)
	wantSaid(t, b, "again", "dial 3 right:switchyard")
	b.Down(2, cells.ErrReset)
	b.Recv(2, reply(TypePacketIn, 8, 0, string(hi)))
	wantSaid(t, b, "the old port is nobody's")
	b.Up(3)
	b.Take()
	b.Recv(3, reply(TypeWelcome, 0, 0, welcome))
	if got := said(t, b); !strings.Contains(got[len(got)-1], `3: ENDPOINT_LOOKUP endpoint=0 flags=0x0 "{\"name\":\"br\"}"`) {
		t.Errorf("%q", got)
	}
	b.Recv(3, reply(TypeEndpointInfo, 0, 0, `{"endpoint_id": 9, "name": "br", "mac": "02:53:59:00:00:08"}`))
	b.Recv(3, reply(TypeSubscribed, 9, 0, `{}`))
	b.Take()
	b.Recv(1, reply(TypePacketIn, 7, 0, string(hi)))
	wantSaid(t, b, "under its new number", fmt.Sprintf("3: PACKET_OUT endpoint=9 flags=0x0 frame=%x", hi))
	if b.Attr("left_breaks") != 0 || b.Attr("right_breaks") != 1 || b.Attr("lost") != 1 {
		t.Errorf("left %d, right %d, lost %d", b.Attr("left_breaks"), b.Attr("right_breaks"), b.Attr("lost"))
	}
	b.P.Timer(b, 3)
	b.P.Timer(b, TimersMax+3*sideTimers)
	b.P.Up(b, 77)
	wantSaid(t, b, "timers and ports of nobody")
}

// What one side draws does not depend on what befalls the other.
func TestTheSidesOfABridgeDrawApart(t *testing.T) {
	session := func(breaks int) string {
		b := newBridge(t)
		for i := range breaks {
			b.Down(cells.Port([]int{1, 3, 4}[i]), cells.ErrRefused)
			b.Fire(timerDial)
		}
		b.Take()
		b.Up(2)
		return string(messagesSent(t, b.Take())[0].Payload)
	}
	if calm, rough := session(0), session(3); calm != rough {
		t.Errorf("the right side says %s, and %s if the left one broke", calm, rough)
	}
}

func TestCommandsOfABridge(t *testing.T) {
	b := newBridge(t)
	join(t, b, 1, 7)
	for words, want := range map[string]string{
		"left endpoint":  "7 br 02:53:59:00:00:07 ready",
		"right endpoint": "0 br 00:00:00:00:00:00 dialling",
		"right rules":    "version 0",
		"left":           "want left or right, and a command for that endpoint: rules or endpoint",
		"up endpoint":    "want left or right, and a command for that endpoint: rules or endpoint",
		"left fly":       `unknown command "fly": want rules or endpoint`,
	} {
		got, err := b.P.(cells.Commander).Command(b, strings.Fields(words))
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", words, got, want)
		}
	}
	for want, c := range map[string]BridgeConfig{
		`switchyard: a bridge from "x:switchyard" to itself`:                       {Left: "x:switchyard", Right: "x:switchyard"},
		"switchyard: name: want 1 to 255 bytes of text without control characters": {Left: "a:s", Right: "b:s", Name: "\n"},
	} {
		if _, err := NewBridge(c); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	talk.WantTags(t, BridgeDefaults())
}

// Any bytes may come from either fabric, cut anywhere: the bridge does not panic,
// what it sends are messages, and each frame in them came from the other side.
func FuzzBridge(f *testing.F) {
	beginning := slices.Concat(reply(TypeWelcome, 0, 0, welcome), reply(TypeEndpointCreated, 0, 0, annIs7), reply(TypeSubscribed, 7, 0, "{}"))
	hi := string(frameOf(f, all, mac1, "hi"))
	f.Add(slices.Concat(beginning, reply(TypePacketIn, 7, 0, hi)), beginning, uint8(9))
	f.Add(beginning, slices.Concat(beginning, reply(TypePacketIn, 7, 1, hi), reply(TypePacketIn, 7, 0, "x"), reply(TypeRules, 7, 0, `{"version": 1, "rules": ["mirror=x", "drop"]}`), reply(TypePacketIn, 7, 0, hi)), uint8(200))
	f.Fuzz(func(t *testing.T, left, right []byte, size uint8) {
		b := newBridge(t)
		b.Up(1)
		b.Up(2)
		rest := [2][]byte{left, right}
		came := [2]map[string]bool{{}, {}}
		for side := 0; len(rest[0])+len(rest[1]) > 0; side = 1 - side {
			n := min(int(size)+1, len(rest[side]))
			b.Recv(cells.Port(side+1), rest[side][:n])
			rest[side] = rest[side][n:]
			for _, m := range b.Emitted {
				if m.Kind == KindCarried {
					came[m.B][fmt.Sprint(m.A)] = true
				}
			}
			for _, line := range b.Take() {
				words := strings.SplitN(line, " ", 3)
				if words[0] != "send" {
					continue
				}
				for _, m := range messagesOf(t, unhexed(words[2])) {
					if to := portOf(words[1]); m.Type == TypePacketOut && !came[2-to][fmt.Sprint(Sum(m.Payload))] {
						t.Errorf("%s on port %d was not carried", m, to)
					}
				}
			}
		}
		b.Down(1, cells.ErrReset)
		b.Down(2, io.EOF)
	})
}
