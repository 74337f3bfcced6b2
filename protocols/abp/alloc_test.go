package abp

import (
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
)

// quiet is an Env that keeps the last frame and nothing else.
type quiet struct {
	cells.Env // of nothing: other verbs panic
	rand      cells.Rand
	buf       []byte
	frame     []byte
}

func (q *quiet) Now() clock.Time                  { return 0 }
func (q *quiet) Port(cells.Port) cells.PortInfo   { return cells.PortInfo{} }
func (q *quiet) Rand(string) *cells.Rand          { return &q.rand }
func (q *quiet) Buf() []byte                      { return q.buf[:0] }
func (q *quiet) Send(_ cells.Port, b []byte)      { q.frame = append(q.frame[:0], b...) }
func (q *quiet) Arm(cells.TimerID, time.Duration) {}
func (q *quiet) Disarm(cells.TimerID)             {}
func (q *quiet) Emit(cells.Kind, int64, int64)    {}

// A message there and its acknowledgement back allocate nothing.
func TestMessagesDoNotAllocate(t *testing.T) {
	config := Defaults()
	config.Messages = 1 << 40
	e := &quiet{buf: make([]byte, 0, 2048), frame: make([]byte, 0, 2048)}
	var ends [2]cells.Protocol
	for i, role := range []string{Sender, Receiver} {
		config.Role = role
		p, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = p
		p.Start(e)
		p.Up(e, port)
	}
	ends[0].Timer(e, timerInterval)
	in := make([]byte, 0, 2048)
	if n := testing.AllocsPerRun(100, func() {
		for i := range 2 {
			in = append(in[:0], e.frame...)
			ends[1-i].Recv(e, port, in)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if got := ends[1].(*cell).Delivered; got != 101 {
		t.Errorf("delivered %d messages in 101 rounds", got)
	}
}
