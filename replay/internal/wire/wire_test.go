package wire

import (
	"math"
	"testing"
)

func TestReaderGivesWhatWasWritten(t *testing.T) {
	b := AppendUvarint(nil, math.MaxUint64)
	b = AppendVarint(b, math.MinInt64)
	b = AppendString(b, "text")
	b = append(b, 7, 1, 2, 3, 4, 5, 6, 7, 8, 2, 'x', 'y')
	r := Reader{Rest: b}
	if v := r.Uvarint(); v != math.MaxUint64 {
		t.Error(v)
	}
	if v := r.Varint(); v != math.MinInt64 {
		t.Error(v)
	}
	if v := r.Text(); v != "text" {
		t.Error(v)
	}
	if v := r.Byte(); v != 7 {
		t.Error(v)
	}
	if v := r.Uint64(); v != 0x0807060504030201 {
		t.Errorf("%#x", v)
	}
	if v := r.Count(2); v != 2 || r.Bad || string(r.Rest) != "xy" {
		t.Errorf("%d, %t, %q", v, r.Bad, r.Rest)
	}
}

func TestFieldsThatSayNothingAreLeftOut(t *testing.T) {
	b := AppendNumber(AppendField(nil, 1, ""), 2, 0)
	b = AppendMap(AppendNumber(AppendField(b, 1, "one"), 2, 300), 3, map[string]string{"b": "2", "a": ""})
	var tags []uint64
	got := map[string]string(nil)
	r := Reader{Rest: b}
	r.Fields(func(tag uint64, v *Reader) {
		tags = append(tags, tag)
		switch tag {
		case 1:
			if string(v.Rest) != "one" {
				t.Errorf("%q", v.Rest)
			}
		case 2:
			if n := v.Uvarint(); n != 300 {
				t.Error(n)
			}
		case 3:
			v.Entry(&got)
		}
	})
	if r.Bad || len(tags) != 4 || len(got) != 2 || got["b"] != "2" {
		t.Errorf("%v, %v, bad %t", tags, got, r.Bad)
	}
}

// TestHostileBytesMakeItBad: nothing is taken that is not there, and what was
// bad stays so.
func TestHostileBytesMakeItBad(t *testing.T) {
	for name, take := range map[string]func(r *Reader){
		"a number without end":       func(r *Reader) { r.Uvarint(); r.Uvarint() },
		"a signed one":               func(r *Reader) { r.Varint(); r.Varint() },
		"a byte of none":             func(r *Reader) { r.Fail(); r.Byte() },
		"eight bytes of fewer":       func(r *Reader) { r.Uint64() },
		"a text longer than all":     func(r *Reader) { r.Text() },
		"a list longer than all":     func(r *Reader) { r.Count(math.MaxUint64) },
		"a number over its bound":    func(r *Reader) { r.UvarintMax(2) },
		"a field that is no number":  func(r *Reader) { r.Rest = []byte{1, 1, 0x80}; r.Fields(func(_ uint64, v *Reader) { v.Uvarint() }) },
		"a field longer than all":    func(r *Reader) { r.Rest = []byte{1, 9}; r.Fields(func(uint64, *Reader) { t.Error("taken") }) },
		"a text longer than allowed": func(r *Reader) { r.Most = 1; r.Rest = []byte{2, 'x', 'y'}; r.Text() },
		"more entries than allowed": func(r *Reader) {
			m := map[string]string{}
			for i := range MapMax {
				m[string(rune(0x100+i))] = ""
			}
			r.Rest = []byte{1, 'k', 1, 'v'}
			r.Entry(&m)
		},
	} {
		r := Reader{Rest: []byte{0x90, 0x80, 0x80}}
		if name == "a text longer than all" || name == "a list longer than all" || name == "a number over its bound" {
			r.Rest = []byte{3, 'x'}
		}
		take(&r)
		if !r.Bad {
			t.Errorf("%s is taken", name)
		}
	}
}
