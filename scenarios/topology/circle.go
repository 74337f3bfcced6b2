package topology

// The unit of the sines below.
const (
	circleBits  = 30
	circleOne   = 1 << circleBits
	quarterTurn = 1686629713 // π/2
)

// onCircle is where the i-th of n nodes lies on a circle on which neighbours
// are about a Step apart: from the top, clockwise.
func onCircle(i, n int64) (x, y int64) {
	radius := max(n*Step*100_000/628_318, Step) // a star of few has room for its hub
	quadrant, rest := 4*i/n, 4*i%n
	s, c := sine(rest, n), sine(n-rest, n)
	switch quadrant {
	case 0:
		x, y = s, -c
	case 1:
		x, y = c, s
	case 2:
		x, y = -s, c
	default:
		x, y = -c, -s
	}
	return radius * x / circleOne, radius * y / circleOne
}

// sine is the sine of a part of a quarter turn, by its series in fixed point:
// its error is below a millionth, and the same on every machine.
func sine(part, of int64) int64 {
	x := quarterTurn * part / of
	square := x * x >> circleBits
	sum := int64(circleOne)
	for _, k := range [...]int64{13 * 12, 11 * 10, 9 * 8, 7 * 6, 5 * 4, 3 * 2} {
		sum = circleOne - (square*sum>>circleBits)/k
	}
	return x * sum >> circleBits
}
