package replay

import (
	"testing"

	"example.com/dsim/clock"
)

// Keys and instants come from command lines: what is read is printed so that it
// reads as the same.
func FuzzKeyText(f *testing.F) {
	for _, s := range []string{"-", "1500000000:0:0:dir:3:256", "0:1:65535:cell:0:1", "never", "10ms", "1:2:3:4:5:6", "-1:0:0:timeline:0:0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := ParseKey(s); err == nil {
			if again, err := ParseKey(FormatKey(k)); err != nil || again != k {
				t.Errorf("%q is %+v, %q is %+v, %v", s, k, FormatKey(k), again, err)
			}
		}
		if at, err := clock.Parse(s); err == nil {
			if again, err := clock.Parse(at.String()); err != nil || again != at {
				t.Errorf("%q is %d, %q is %d, %v", s, at, at, again, err)
			}
		}
	})
}
