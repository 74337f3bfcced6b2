package switchyard

import (
	"strings"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// observe shows emissions of a fabric to the oracle of delivery, and gives what
// it finds.
func observe(list ...cells.Emission) error {
	o := NewOracle()
	for _, m := range list {
		m.Cell = "fabric"
		if err := o.Observe(des.Key{}, m); err != nil {
			return err
		}
	}
	return o.Finish()
}

// An address that is found to be too old when a frame is for it is forgotten
// behind the frame's addresses and before its copies: then it goes to all, and
// not to where the address was.
func TestTheOracleKnowsOfAddressesThatGrowOld(t *testing.T) {
	const moved = 0x0200000000cc
	emit := func(k cells.Kind, a, b int64) cells.Emission { return cells.Emission{Kind: k, A: a, B: b} }
	began := []cells.Emission{
		emit(KindBegun, 0, 0), emit(KindHello, 1, 0), emit(KindEndpoint, 1, 0x025359000001), emit(KindEndpoint, 2, 0x025359000002),
		emit(KindEndpoint, 3, 0x025359000003), emit(KindSubscribed, 1, 2), emit(KindSubscribed, 2, 2), emit(KindSubscribed, 3, 2),
		// 3 says to all that it has the address, and 1 sends to that.
		emit(KindIn, 1, 3), emit(KindFrame, 11, 60), emit(KindMACs, 0xffffffffffff, moved), emit(KindOut, 1, 11), emit(KindOut, 2, 11),
		emit(KindIn, 1, 1), emit(KindFrame, 12, 60), emit(KindMACs, moved, 0x025359000001),
	}
	aged, two, three := emit(KindAged, moved, 0), emit(KindOut, 2, 12), emit(KindOut, 3, 12)
	for _, x := range []struct {
		why, finds string
		then       []cells.Emission
	}{
		{"it is known", "", []cells.Emission{three}},
		{"it is too old", "", []cells.Emission{aged, two, three}},
		{"flooded, though it is known", "subscription 2 gets a frame, which is subscription 3's first", []cells.Emission{two, three}},
		{"to where it was, though it is forgotten", "subscription 3 gets a frame, which is subscription 2's first", []cells.Emission{aged, three}},
		{"forgotten too late", "subscription 3 of endpoint 3 never got a frame that is for it", []cells.Emission{aged, two, aged, three}},
		{"forgotten twice", "address 0200000000cc is forgotten, which is not one that was learned", []cells.Emission{aged, aged, two, three}},
		{"forgotten between frames", "", []cells.Emission{three, aged}},
		{"an address of its own", "address 025359000001 is forgotten, which is not one that was learned", []cells.Emission{three, emit(KindAged, 0x025359000001, 0)}},
	} {
		err := observe(append(began[:len(began):len(began)], x.then...)...)
		switch {
		case x.finds == "" && err != nil:
			t.Errorf("%s: %v", x.why, err)
		case x.finds != "" && (err == nil || !strings.Contains(err.Error(), x.finds)):
			t.Errorf("%s: found %v, want %q", x.why, err, x.finds)
		}
	}
}
