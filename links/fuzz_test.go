package links

import (
	"reflect"
	"strings"
	"testing"

	"example.com/dsim/cells"
)

// Any text may stand in a repro: a verdict that is read is written so that it
// reads as the same.
func FuzzParseVerdict(f *testing.F) {
	for _, s := range []string{"", "drop:loss", "drop:burst", "flip:3,77 dup:1 late:5ms", "refuse", "reset", "flip:", "dup:0", "late:-1s", "late:1ns late:2ns"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseVerdict(s)
		if err != nil {
			return
		}
		again, err := ParseVerdict(v.String())
		if err != nil || !reflect.DeepEqual(again, v) {
			t.Errorf("%q is %+v, and %q is %+v, %v", s, v, v.String(), again, err)
		}
	})
}

// Any text may be given for any parameter: it is taken, or refused, and what
// was taken is told so that it can be given again.
func FuzzParams(f *testing.F) {
	for _, s := range []string{"delay=10ms", "jitter=normal(1ms, 2ms)", "rate=100Mbit", "queue=10 frames", "loss=1/3", "burst.enter=1%", "mtu=1500B", "cut=hold", "fcs=true", "bound=64KiB", "=", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, value, _ := strings.Cut(s, "=")
		p := Defaults()
		if p.Set(cells.Param{Name: name, Value: value}) != nil {
			return
		}
		again := Defaults()
		for _, q := range p.Changed() {
			if err := again.Set(q); err != nil {
				t.Errorf("%q gives %v: %v", s, q, err)
			}
		}
		if !reflect.DeepEqual(p.Changed(), again.Changed()) {
			t.Errorf("%q: %v, again %v", s, p.Changed(), again.Changed())
		}
	})
}
