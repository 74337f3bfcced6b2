package replay

import (
	"fmt"
	"strconv"
	"strings"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// FormatKey is a key as one word, exact and fit for a command line, as
// [des.Key.Name] has it: "1500000000:0:0:dir:3:256". Wherever an event is
// printed, this is printed, so that it can be given back.
func FormatKey(k des.Key) string { return k.Name() }

// ParseKey reads what FormatKey prints.
func ParseKey(s string) (des.Key, error) {
	if s == "-" {
		return des.Key{}, nil
	}
	bad := func() (des.Key, error) {
		return des.Key{}, fmt.Errorf("key %q: want time:delta:rank:class:index:sequence, such as 1500000000:0:0:dir:3:256", s)
	}
	f := strings.Split(s, ":")
	if len(f) != 6 {
		return bad()
	}
	t, err0 := strconv.ParseInt(f[0], 10, 64)
	delta, err1 := strconv.ParseUint(f[1], 10, 16)
	rank, err2 := strconv.ParseUint(f[2], 10, 16)
	index, err3 := strconv.ParseUint(f[4], 10, 32)
	seq, err4 := strconv.ParseUint(f[5], 10, 64)
	for _, err := range []error{err0, err1, err2, err3, err4} {
		if err != nil {
			return bad()
		}
	}
	if index > des.IndexMax {
		return bad()
	}
	for c := des.Timeline; c <= des.Input; c++ {
		if c.String() == f[3] {
			return des.Key{Time: clock.Time(t), Delta: uint16(delta), Rank: uint16(rank), Entity: des.MakeEntity(c, uint32(index)), Seq: seq}, nil
		}
	}
	return bad()
}
