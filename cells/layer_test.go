package cells_test

import (
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
)

// stacked is a protocol over another of the same kind: both use timer 1,
// purpose "id" and the same kind of emission.
type stacked struct {
	celltest.Script
	layer *cells.Layer
	lower *celltest.Script
}

func TestLayersAreKeptApart(t *testing.T) {
	var drawn [2]uint64
	var fired []string
	side := func(i int) *celltest.Script {
		name := [2]string{"upper", "lower"}[i]
		return &celltest.Script{
			OnStart: func(e cells.Env) {
				drawn[i] = e.Rand("id").Uint64()
				e.Arm(1, time.Duration(i+1)*time.Second)
				e.Arm(2, time.Minute)
				e.Disarm(2)
				e.Emit(kindSeen, int64(i), 0)
				e.EmitText(kindSeen, name)
			},
			OnTimer: func(_ cells.Env, id cells.TimerID) {
				if id != 1 {
					t.Errorf("%s: timer %d", name, id)
				}
				fired = append(fired, name)
			},
		}
	}
	upper := side(0)
	s := &stacked{Script: *upper, layer: cells.NewLayer("below", 3), lower: side(1)}
	s.OnStart = func(e cells.Env) { upper.Start(e); s.lower.Start(s.layer.Over(e)) }
	s.OnTimer = func(e cells.Env, id cells.TimerID) {
		if inner, ok := s.layer.In(id); ok {
			s.lower.Timer(s.layer.Over(e), inner)
			return
		}
		upper.Timer(e, id)
	}
	c := celltest.New(t, s, celltest.Options{})
	c.Start()
	below := cells.KindNamed("below/cells-test-seen")
	if a, b := below.Values(); below == 0 || a != "a" || b != "b" {
		t.Fatalf("the layer's kind is %d %q %q", below, a, b)
	}
	c.Want("numbers and names of their own",
		celltest.Arm(1, time.Second), celltest.Arm(2, time.Minute), celltest.Disarm(2),
		celltest.Emit(kindSeen, 0, 0), celltest.EmitText(kindSeen, "upper"),
		celltest.Arm(3<<24|1, 2*time.Second), celltest.Arm(3<<24|2, time.Minute), celltest.Disarm(3<<24|2),
		celltest.Emit(below, 1, 0), celltest.EmitText(below, "lower"))
	c.Advance(time.Minute)
	if len(fired) != 2 || fired[0] != "upper" || fired[1] != "lower" {
		t.Errorf("timers fired of %v", fired)
	}
	if drawn[0] == drawn[1] {
		t.Error("both draw from one stream")
	}
}
