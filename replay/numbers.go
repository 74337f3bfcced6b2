package replay

import (
	"fmt"
	"slices"
	"strings"

	"example.com/dsim/des"
)

// pidMax is the greatest number of a process, on the systems that have the
// greatest.
const pidMax = 1 << 22

// processNumber: one value a run, and both are what processes that were started
// one after the other are numbered by.
func processNumber(s *scene) string {
	if s.together {
		return ""
	}
	for _, n := range s.numbers {
		if len(n.xs) == 0 || n.width != 0 || n.span {
			continue
		}
		distinct, offset, _ := n.pairs()
		if lo, hi := min(n.xs[0], n.ys[0]), max(n.xs[0], n.ys[0]); distinct == 1 && lo > 1 && hi <= pidMax && abs(offset) < 1<<16 {
			return fmt.Sprintf("%s is %d throughout one run and %d throughout the other, as the numbers of two processes", n.where, n.xs[0], n.ys[0])
		}
	}
	return ""
}

// otherChange: the same was done to another link or cell.
func otherChange(s *scene) string {
	a, b, ok := s.pair()
	if !ok || a.Op != des.OpChange {
		return ""
	}
	wa, wb := strings.Fields(a.Text), strings.Fields(b.Text)
	if len(wa) < 2 || len(wa) != len(wb) || wa[1] == wb[1] {
		return ""
	}
	if wa[1] = wb[1]; !slices.Equal(wa, wb) {
		return ""
	}
	return fmt.Sprintf("%s of the same kind comes to another: %q and %q: the first of a map may have been picked", a.Op, a.Text, b.Text)
}

// apart counts the distinct pairs of values that differ.
func (n *series) apart() int {
	seen := map[[2]int64]bool{}
	for i, x := range n.xs {
		if y := n.ys[i]; x != y {
			seen[[2]int64{x, y}] = true
		}
	}
	return len(seen)
}
