package clock

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var int64s = rapid.OneOf(rapid.Int64(), rapid.Int64Range(-9, 9),
	rapid.Int64Range(math.MinInt64, math.MinInt64+9), rapid.Int64Range(math.MaxInt64-9, math.MaxInt64))

// Law: sums and differences are exact, or stay at the end they would pass.
func TestAddAndSubSaturate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := int64s.Draw(t, "a"), int64s.Draw(t, "b")
		x, y := big.NewInt(a), big.NewInt(b)
		if got, want := Time(a).Add(time.Duration(b)), held(new(big.Int).Add(x, y)); got != want {
			t.Fatalf("%d + %d is %d, want %d", a, b, got, want)
		}
		if got, want := Time(a).Sub(Time(b)), held(new(big.Int).Sub(x, y)); Time(got) != want {
			t.Fatalf("%d - %d is %d, want %d", a, b, got, want)
		}
	})
}

func TestTimeIsPrinted(t *testing.T) {
	for want, at := range map[string]Time{
		"0s": 0, "1.5s": 1_500_000_000, "-2ms": -2_000_000, "never": Never, "1h0m0s": Time(time.Hour), "1ns": 1,
	} {
		if got := at.String(); got != want {
			t.Errorf("%d prints as %s, want %s", int64(at), got, want)
		}
	}
}

// Law: Parse reads what String prints.
func TestTimeRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := Time(int64s.Draw(t, "at"))
		if back, err := Parse(at.String()); err != nil || back != at {
			t.Fatalf("%d printed as %s came back as %d, %v", int64(at), at, int64(back), err)
		}
	})
}

func TestParseSaysWhatIsAllowed(t *testing.T) {
	for _, in := range []string{"", "5", "five", "1.5", "never!", "1s 2"} {
		const want = ": want a number with a unit, such as 250ms or 1.5s"
		if at, err := Parse(in); err == nil || len(err.Error()) < len(want) || err.Error()[len(err.Error())-len(want):] != want {
			t.Errorf("Parse(%q) = %d, %v; want what is allowed", in, int64(at), err)
		}
	}
}
