package ntp

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"example.com/dsim/clock"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A request and its reply, written down from the figure of RFC 5905, section
// 7.3. 1795320360 s since 1970 are 4004309160 since 1900.
const (
	request = "23 00 00 00 00000000 00000000 00000000 0000000000000000 0000000000000000 0000000000000000 eeace8a880000000"
	reply   = "24 01 04 ec 00000000 00000000 4c4f434c eeace8a9c0000000 eeace8a880000000 eeace8a9c0000000 eeace8a9c0000000"
)

func TestLiteralHeadersBothWays(t *testing.T) {
	asked := clock.Time(1_795_320_360_500_000_000)
	ask := Ask(asked)
	if b, err := ask.Append(nil); err != nil || !bytes.Equal(b, unhex(t, request)) {
		t.Errorf("%v\n got %x\nwant %x", err, b, unhex(t, request))
	}
	var h Header
	if err := h.Parse(unhex(t, request)); err != nil || h != ask {
		t.Errorf("%v: %+v", err, h)
	}
	answer := h.Answer(asked.Add(1250 * time.Millisecond))
	if b, err := answer.Append(nil); err != nil || !bytes.Equal(b, unhex(t, reply)) {
		t.Errorf("%v\n got %x\nwant %x", err, b, unhex(t, reply))
	}
	if err := h.Parse(append(unhex(t, reply), "and a digest"...)); err != nil || h != answer {
		t.Errorf("%v: %+v", err, h)
	}
	if o, d := h.Sample(asked.Add(500 * time.Millisecond)); o != time.Second || d != 500*time.Millisecond {
		t.Errorf("offset %s, delay %s", o, d)
	}
	if s := h.Transmit.String(); s != "4004309161.750000000" {
		t.Error(s)
	}
}

func TestShortAndFutureHeadersAreRefused(t *testing.T) {
	b := unhex(t, reply)
	var h Header
	for n := range b {
		if h.Parse(b[:n]) == nil {
			t.Errorf("%d bytes were taken", n)
		}
	}
	for _, c := range []struct {
		first byte
		want  string
	}{
		{0x2c, "ntp: mode at byte 0: 5 is out of range, the nearest allowed is 4"},
		{0x04, "ntp: mode at byte 0: 0 is out of range, the nearest allowed is 1"},
	} {
		b[0] = c.first
		if err := h.Parse(b); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// Law: a stamp keeps an instant to the nanosecond, over eras and before 1970.
func TestStampsKeepInstants(t *testing.T) {
	for at, want := range map[clock.Time]Stamp{
		0:                           unixSeconds << 32,
		500_000_000:                 unixSeconds<<32 | 1<<31,
		-1:                          unixSeconds<<32 - 1<<32 | 0xfffffffb,
		-unixSeconds * 1e9:          0,
		(1<<32 - unixSeconds) * 1e9: 0, // 2036: the next era
	} {
		if got := StampOf(at); got != want {
			t.Errorf("%d: %#x, want %#x", at, uint64(got), uint64(want))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		at := clock.Time(rapid.Int64Range(-9e18, 9e18).Draw(t, "at"))
		near := at.Add(time.Duration(rapid.Int64Range(-68*365*86400e9, 68*365*86400e9).Draw(t, "from")))
		if got := StampOf(at).Time(near); got != at {
			if near == math.MaxInt64 || near == math.MinInt64 {
				return // held at the end of the range
			}
			t.Fatalf("%d: %d, seen from %d", at, got, near)
		}
	})
}

// Law: under constant clocks the offset is right within half the delay.
func TestOffsetIsRightWithinHalfTheDelay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		offset := time.Duration(rapid.Int64Range(-30*365*86400e9, 30*365*86400e9).Draw(t, "offset"))
		there := time.Duration(rapid.Int64Range(0, 10e9).Draw(t, "there"))
		back := time.Duration(rapid.Int64Range(0, 10e9).Draw(t, "back"))
		now := clock.Time(rapid.Int64Range(0, 1e18).Draw(t, "now"))
		ask := Ask(now)
		answer := ask.Answer(now.Add(there).Add(offset))
		o, d := answer.Sample(now.Add(there + back))
		if e := o - offset - (there-back)/2; e < -2 || e > 2 {
			t.Fatalf("offset %s, want %s", o, offset+(there-back)/2)
		}
		if e := d - there - back; e < -2 || e > 2 {
			t.Fatalf("delay %s, want %s", d, there+back)
		}
	})
}

// Any bytes: no panic, and what was read is written as it was.
func FuzzParse(f *testing.F) {
	f.Add(unhex(f, request))
	f.Add(unhex(f, reply))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h Header
		if h.Parse(b) != nil {
			return
		}
		if got, err := h.Append(nil); err != nil || !bytes.HasPrefix(b, got) {
			t.Fatalf("%v\n got %x\nfrom %x", err, got, b)
		}
		h.Sample(0)
		a := h.Answer(0)
		_ = a.String() + h.Transmit.String()
	})
}
