package planted

import (
	"math"
	"time"
)

const (
	billion = 1e9        // exact: a constant without a type
	half    = float64(1) // want `has a float64`
)

type rate float32 // want `has a float32`

type link struct {
	loss  float64 // want `has a`
	delay int64
	//dsim:report shown, never read back
	mean float64
}

func floats(l link, d time.Duration) bool {
	if d.Seconds() > 1 { // want `has a float64`
		return true
	}
	p := 0.5                    // want `has a float64`
	_ = time.Duration(p * 1000) // want `has a float64`
	if l.loss > p {             // want `has a float64`
		return true
	}
	n := int64(1e6) * l.delay
	n += math.MaxInt32
	return n > billion
}

// mean is for people.
//
//dsim:report a line of the summary; no event reads it
func mean(sum, n int64) float64 {
	l := math.Log(float64(n)) // want `uses math.Log`
	return math.Floor(float64(sum)/float64(n)) + l
}

//dsim:report nothing here is a float // want `allows nothing here`
func count(n int64) int64 { return n }
