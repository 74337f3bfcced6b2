package clock

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// reached is floor(d * (1 + ppb/1e9)): how far a clock of that drift gets in d.
func reached(d Time, ppb Drift) *big.Int {
	x := new(big.Int).Mul(big.NewInt(int64(d)), big.NewInt(1_000_000_000+int64(ppb)))
	return x.Div(x, big.NewInt(1_000_000_000)) // Euclidean: down, the divisor being positive
}

// held is x kept within the range of a Time.
func held(x *big.Int) Time {
	switch {
	case x.IsInt64():
		return Time(x.Int64())
	case x.Sign() < 0:
		return math.MinInt64
	}
	return Never
}

var (
	drifts = rapid.OneOf(
		rapid.SampledFrom([]Drift{0, 1, -1, PPM, -PPM, 50 * PPM, -50 * PPM, DriftMax, -DriftMax}),
		rapid.Custom(func(t *rapid.T) Drift {
			return Drift(rapid.Int64Range(-int64(DriftMax), int64(DriftMax)).Draw(t, "ppb"))
		}))
	spans = rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(0, 1e9), rapid.Int64Range(0, 100*365*24*3600*1e9))
	any63 = rapid.OneOf(spans, rapid.Int64Min(0), rapid.Int64Range(math.MaxInt64-20, math.MaxInt64))
)

// drawClock gives a clock with a history, and the instant of its last change.
func drawClock(t *rapid.T) (Clock, Time) {
	c := New(time.Duration(rapid.Int64().Draw(t, "offset")))
	at := Time(0)
	for range rapid.IntRange(0, 4).Draw(t, "changes") {
		at = at.Add(time.Duration(spans.Draw(t, "span") / 8))
		if err := c.SetDrift(at, drifts.Draw(t, "drift")); err != nil {
			t.Fatal(err)
		}
	}
	return c, at
}

func TestTheZeroClockShowsTrueTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Clock
		at, local := Time(any63.Draw(t, "at")), Time(any63.Draw(t, "local"))
		if c.Now(at) != at || c.Wall(at) != at {
			t.Fatalf("at %d: now %d, wall %d", at, c.Now(at), c.Wall(at))
		}
		if got := c.Due(at, local); got != max(at, local) {
			t.Fatalf("from %d: %d is due at %d", at, local, got)
		}
	})
}

// Law: a clock drifts exactly, rounded down to the nanosecond; no error adds
// up between changes of drift.
func TestDriftIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, base := drawClock(t)
		drift := drifts.Draw(t, "last drift")
		if err := c.SetDrift(base, drift); err != nil {
			t.Fatal(err)
		}
		start := c.Now(base)
		d := Time(any63.Draw(t, "d"))
		if d > Never-base {
			d = Never - base
		}
		want := reached(d, drift)
		want.Add(want, big.NewInt(int64(start)))
		if got := c.Now(base + d); got != held(want) {
			t.Fatalf("%d ppb for %d from %d: now %d, want %s", drift, d, start, got, want)
		}
	})
}

func TestDriftInWords(t *testing.T) {
	for _, c := range []struct {
		drift Drift
		at    time.Duration
		want  time.Duration
	}{
		{100 * PPM, time.Second, time.Second + 100*time.Microsecond},
		{-100 * PPM, time.Second, time.Second - 100*time.Microsecond},
		{DriftMax, time.Second, 1500 * time.Millisecond},
		{-DriftMax, time.Second, 500 * time.Millisecond},
		{1, time.Second, time.Second + 1},
		{1, time.Second - 1, time.Second - 1},
		{-1, 1, 0},
		{-DriftMax, 3, 1},
		{DriftMax, 3, 4},
		{PPM, 365 * 24 * time.Hour, 365*24*time.Hour + 31_536*time.Millisecond},
	} {
		var k Clock
		if err := k.SetDrift(0, c.drift); err != nil {
			t.Fatal(err)
		}
		if got := k.Now(Time(c.at)); got != Time(c.want) {
			t.Errorf("%d ppb after %s: %s, want %s", c.drift, c.at, got, Time(c.want))
		}
	}
}

// Law: Now never falls.
func TestNowNeverFalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, base := drawClock(t)
		a := base.Add(time.Duration(any63.Draw(t, "a")))
		b := a.Add(time.Duration(any63.Draw(t, "b")))
		if c.Now(a) > c.Now(b) {
			t.Fatalf("now is %d at %d, but %d at %d", c.Now(a), a, c.Now(b), b)
		}
	})
}

// Law: a change of drift is continuous.
func TestSetDriftIsContinuous(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, base := drawClock(t)
		at := base.Add(time.Duration(spans.Draw(t, "at")))
		now, wall := c.Now(at), c.Wall(at)
		drift := drifts.Draw(t, "drift")
		if err := c.SetDrift(at, drift); err != nil {
			t.Fatal(err)
		}
		if c.Drift() != drift {
			t.Fatalf("drift %d, want %d", c.Drift(), drift)
		}
		if c.Now(at) != now || c.Wall(at) != wall {
			t.Fatalf("now went from %d to %d, wall from %d to %d", now, c.Now(at), wall, c.Wall(at))
		}
		if next := c.Now(at.Add(1)); next < now || next > now.Add(2) {
			t.Fatalf("now is %d, a nanosecond later %d", now, next)
		}
	})
}

func TestSetDriftRefusesWhatIsOutOfBounds(t *testing.T) {
	for _, d := range []Drift{DriftMax + 1, -DriftMax - 1, math.MaxInt64, math.MinInt64} {
		c := New(5)
		if err := c.SetDrift(0, 7); err != nil {
			t.Fatal(err)
		}
		before := c
		if err := c.SetDrift(10, d); err == nil || c != before {
			t.Errorf("drift %d: %v, and the clock is %+v, was %+v", d, err, c, before)
		}
	}
}

// wantLeast checks that due is the least instant from from on at which c has
// reached local, by trying those around it.
func wantLeast(t *rapid.T, c *Clock, from, local, due Time) {
	t.Helper()
	if due == Never {
		if last := c.Now(Never - 1); last >= local {
			t.Fatalf("%d is never due from %d, but at the end now is %d", local, from, last)
		}
		return
	}
	if due < from || c.Now(due) < local {
		t.Fatalf("%d is due at %d from %d, when now is %d", local, due, from, c.Now(due))
	}
	for at := max(from, due.Add(-20)); at < due; at++ {
		if c.Now(at) >= local {
			t.Fatalf("%d is due at %d, but already at %d now is %d", local, due, at, c.Now(at))
		}
	}
}

// Law: Due is the least instant at which a clock has reached a reading.
func TestDueIsLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, base := drawClock(t)
		from := base.Add(time.Duration(spans.Draw(t, "from")))
		local := rapid.OneOf(
			rapid.Map(spans, func(d int64) Time { return c.Now(from).Add(time.Duration(d)) }),
			rapid.Map(any63, func(x int64) Time { return Time(x) }),
			rapid.Map(rapid.Int64(), func(x int64) Time { return Time(x) }),
		).Draw(t, "local")
		wantLeast(t, &c, from, local, c.Due(from, local))
	})
}

// The same near a change of drift and for small numbers, where every instant
// can be tried.
func TestDueIsLeastOfAll(t *testing.T) {
	for _, drift := range []Drift{DriftMax, -DriftMax, DriftMax - 1, 1 - DriftMax, 333_333_333, -333_333_333, 1, -1} {
		for base := range Time(4) {
			for _, before := range []Drift{0, DriftMax, -DriftMax} {
				var c Clock
				if c.SetDrift(0, before) != nil || c.SetDrift(base, drift) != nil {
					t.Fatal("a drift within bounds is refused")
				}
				for from := base; from < base+30; from++ {
					for local := Time(-2); local < 60; local++ {
						want := from
						for c.Now(want) < local {
							want++
						}
						if got := c.Due(from, local); got != want {
							t.Fatalf("drift %d from %d on: %d is due at %d from %d, want %d", drift, base, local, got, from, want)
						}
					}
				}
			}
		}
	}
}

// Law: a timer that is armed for a reading after now fires then, not before and
// not later than one instant of true time.
func TestATimerFiresAtItsReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, base := drawClock(t)
		from := base.Add(time.Duration(spans.Draw(t, "from")))
		d := time.Duration(spans.Draw(t, "d") / 4)
		due := c.Due(from, c.Now(from).Add(d))
		if due == Never {
			return
		}
		if over := c.Now(due).Sub(c.Now(from).Add(d)); over < 0 || over > 1 {
			t.Fatalf("armed for %d, it fires %d off", d, over)
		}
	})
}

// Law: steps move the wall reading, and nothing else.
func TestStepsMoveOnlyWall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, base := drawClock(t)
		c.SetOffset(time.Duration(rapid.Int64Range(-1e18, 1e18).Draw(t, "offset")))
		at := base.Add(time.Duration(spans.Draw(t, "at")))
		local := c.Now(at).Add(time.Duration(spans.Draw(t, "local")))
		now, due := c.Now(at), c.Due(at, local)
		offset := c.Offset()
		step := time.Duration(rapid.Int64Range(-1e18, 1e18).Draw(t, "step"))
		c.Step(step)
		if c.Now(at) != now || c.Due(at, local) != due {
			t.Fatalf("a step of %s moved now from %d to %d, a timer from %d to %d", step, now, c.Now(at), due, c.Due(at, local))
		}
		if c.Offset() != offset+step || c.Wall(at) != now.Add(offset+step) {
			t.Fatalf("offset %s, wall %d; want %s after a step of %s at %d", c.Offset(), c.Wall(at), offset+step, step, now)
		}
		c.SetOffset(-3)
		if c.Offset() != -3 || c.Wall(at) != now.Add(-3) || c.Now(at) != now {
			t.Fatalf("offset %s, wall %d, now %d", c.Offset(), c.Wall(at), c.Now(at))
		}
	})
}

func TestStepsSaturate(t *testing.T) {
	c := New(math.MaxInt64 - 1)
	c.Step(5)
	if c.Offset() != math.MaxInt64 || c.Wall(10) != Never {
		t.Errorf("offset %d, wall %d", c.Offset(), c.Wall(10))
	}
	c.SetOffset(math.MinInt64 + 1)
	c.Step(-5)
	if c.Offset() != math.MinInt64 || c.Wall(0) != math.MinInt64 {
		t.Errorf("offset %d, wall %d", c.Offset(), c.Wall(0))
	}
	if c.Wall(10) != math.MinInt64+10 {
		t.Errorf("wall %d", c.Wall(10))
	}
}

func TestTheEndsOfTime(t *testing.T) {
	var fast, slow Clock
	if fast.SetDrift(0, DriftMax) != nil || slow.SetDrift(0, -DriftMax) != nil {
		t.Fatal("a drift within bounds is refused")
	}
	if got := fast.Now(Never); got != Never {
		t.Errorf("a fast clock shows %d at the end of time", got)
	}
	if got := slow.Now(Never); got != Never/2 {
		t.Errorf("a slow clock shows %d at the end of time, want %d", got, Never/2)
	}
	if got := slow.Due(0, Never/2+1); got != Never {
		t.Errorf("what a slow clock does not reach is due at %d", got)
	}
	if got := slow.Due(0, Never/2-1); got == Never || slow.Now(got) != Never/2-1 {
		t.Errorf("what a slow clock just reaches is due at %d", got)
	}
	if got := fast.Due(5, math.MinInt64); got != 5 {
		t.Errorf("what is long past is due at %d, want at once", got)
	}

	// A clock that was fast and is slow now: its reading nears the end of the
	// range, and must not fall back from it.
	turned := fast
	if err := turned.SetDrift(Never/2, -DriftMax); err != nil {
		t.Fatal(err)
	}
	if got, want := turned.Now(Never), Time(new(big.Int).Add(big.NewInt(int64(turned.Now(Never/2))), reached(Never-Never/2, -DriftMax)).Int64()); got != want {
		t.Errorf("a clock that was fast shows %d at the end of time, want %d", got, want)
	}
}

func TestATimeBeforeTheLastChangePanics(t *testing.T) {
	var c Clock
	if err := c.SetDrift(10, 5); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a reading before the last change of drift is given")
		}
	}()
	c.SetOffset(0)
	c.Now(9)
}

// What is asked from before the last change of drift counts from the change on.
func TestDueBeginsAtTheLastChange(t *testing.T) {
	var c Clock
	if err := c.SetDrift(10, DriftMax); err != nil {
		t.Fatal(err)
	}
	if got := c.Due(3, 5); got != 10 {
		t.Errorf("what is past is due at %d, want 10", got)
	}
	if got := c.Due(3, 13); got != 12 {
		t.Errorf("13 is due at %d, want 12", got)
	}
}

func BenchmarkDue(b *testing.B) {
	for name, drift := range map[string]Drift{"true": 0, "50ppm": 50 * PPM} {
		b.Run(name, func(b *testing.B) {
			var c Clock
			if err := c.SetDrift(0, drift); err != nil {
				b.Fatal(err)
			}
			at := Time(0)
			b.ReportAllocs()
			for b.Loop() {
				at += 1000
				c.Due(at, c.Now(at)+1_000_000)
			}
		})
	}
}
