package scenarios

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// kindProbe is what a probe emits.
var kindProbe = cells.NewKind("probe", "value", "")

type probeConfig struct {
	Plan []string `dsim:"plan" doc:"what the cell does, and when"`
}

// probe is a protocol that does what its plan says, when it says so. A step is
// "10ms v=2": at 10 ms by its own clock, set the attribute v to 2. Others are
// w=, emit=, log=, send= (that many bytes on port 0), panic= and spin=: a timer
// that fires again at once, for ever. It counts and keeps what it receives.
type probe struct {
	at   []time.Duration
	do   []string // "v", "emit", …
	arg  []string
	v, w int64
	got  int64
	name string
}

func newProbe(plan []string) (*probe, error) {
	p := &probe{}
	for _, step := range plan {
		at, rest, _ := strings.Cut(step, " ")
		d, err := time.ParseDuration(at)
		do, arg, ok := strings.Cut(rest, "=")
		if err != nil || !ok {
			return nil, fmt.Errorf("plan %q: want such as 10ms v=2", step)
		}
		p.at, p.do, p.arg = append(p.at, d), append(p.do, do), append(p.arg, arg)
	}
	return p, nil
}

func (p *probe) Start(e cells.Env) {
	p.name = string(e.Self())
	for i, d := range p.at {
		e.Arm(cells.TimerID(i), d)
	}
}

func (p *probe) Timer(e cells.Env, id cells.TimerID) {
	arg := p.arg[id]
	n, _ := strconv.ParseInt(arg, 10, 64)
	switch p.do[id] {
	case "v":
		p.v = n
	case "w":
		p.w = n
	case "emit":
		e.Emit(kindProbe, n, 0)
	case "log":
		e.EmitText(kindProbe, arg)
	case "send":
		e.Send(0, make([]byte, n))
	case "panic":
		e.Emit(kindProbe, 666, 0)
		e.Send(0, []byte("of a handler that panics"))
		panic(arg)
	case "spin":
		e.Arm(id, 0)
	}
}

func (p *probe) Recv(cells.Env, cells.Port, []byte) { p.got++ }
func (p *probe) Up(cells.Env, cells.Port)           {}
func (p *probe) Down(cells.Env, cells.Port, error)  {}

func (p *probe) AppendState(a []cells.Attr) []cells.Attr {
	return append(a, cells.IntAttr("v", p.v), cells.IntAttr("w", p.w), cells.IntAttr("got", p.got))
}

// growing wants each value emitted to be greater than the one before it.
type growing struct {
	seen []des.Key
	last int64
	end  bool
}

func (*growing) Kinds() []cells.Kind { return []cells.Kind{kindProbe} }

func (o *growing) Observe(k des.Key, e cells.Emission) error {
	o.seen = append(o.seen, k)
	if e.Text == "" && e.A <= o.last {
		return fmt.Errorf("%s emits %d after %d", e.Cell, e.A, o.last)
	}
	o.last = e.A
	return nil
}

func (o *growing) Finish() error {
	if o.end {
		return errors.New("the end came")
	}
	return nil
}

// probeRegistry knows the shipped protocols, and those made to test laws.
func probeRegistry(oracle *growing) *Registry {
	r := NewRegistry()
	register(r)
	r.RegisterProtocol(Protocol{
		Name: "probe", Config: func() any { return new(probeConfig) },
		New: func(cfg any) (cells.Protocol, error) { return newProbe(cfg.(*probeConfig).Plan) },
	})
	r.RegisterProperty(Property{Name: "probe/growing", New: func() cells.Oracle { return oracle }})
	return r
}

// probeWorld builds a world of a scenario's text, under seed 1.
func probeWorld(t testing.TB, text string, opt WorldOptions) *World {
	t.Helper()
	if opt.Registry == nil {
		opt.Registry = probeRegistry(&growing{})
	}
	src, err := Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	sc, err := src.Build(BuildOptions{Seed: des.SeedOf(1), Registry: opt.Registry})
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWorld(sc, opt)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// recorder keeps records.
type recorder struct{ list []des.Record }

func (x *recorder) Record(r *des.Record) {
	c := *r
	c.Data = append([]byte(nil), r.Data...)
	x.list = append(x.list, c)
}

// ops are the records of some ops, as "10ms cell op text".
func (x *recorder) ops(of ...des.Op) (lines []string) {
	for i := range x.list {
		r := &x.list[i]
		for _, op := range of {
			if r.Op == op {
				lines = append(lines, strings.TrimRight(fmt.Sprintf("%s %s %s %s", r.Key.Time, r.Cell, op, r.Text), " "))
			}
		}
	}
	return lines
}

// ms is an instant.
func ms(n int64) clock.Time { return clock.Time(n * int64(time.Millisecond)) }
