// Package suggest finds what somebody may have meant who wrote a word that is
// not known.
package suggest

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// listMax is how many choices are named when nothing comes close.
const listMax = 24

// Nearest is the choice closest to word, if one is close: the distance, in
// insertions, deletions, substitutions and swaps of neighbours, must be at
// most half of the longer word, and at most three. Of several the first in the order
// of choices is taken.
func Nearest(word string, choices []string) (string, bool) {
	best, bestDist := "", 4
	w := strings.ToLower(word)
	for _, c := range choices {
		d := distance(w, strings.ToLower(c))
		if 2*d <= max(utf8.RuneCountInString(word), utf8.RuneCountInString(c)) && d < bestDist {
			best, bestDist = c, d
		}
	}
	return best, best != "" && bestDist < 4
}

// Hint ends an error about an unknown word: what was probably meant, and else
// what is allowed.
func Hint(word string, choices []string) string {
	if c, ok := Nearest(word, choices); ok {
		return fmt.Sprintf(`; did you mean "%s"?`, c)
	}
	if len(choices) == 0 {
		return ""
	}
	if len(choices) > listMax {
		return fmt.Sprintf("; one of %s, … (%d in all)", strings.Join(choices[:listMax], ", "), len(choices))
	}
	if len(choices) == 1 {
		return "; want " + choices[0]
	}
	return "; one of " + strings.Join(choices, ", ")
}

// Quoted is a word as it stands in an error: shortened, so that nobody's error
// is a megabyte long.
func Quoted(word string) string {
	const long = 60
	if utf8.RuneCountInString(word) > long {
		word = string(slices.Collect(runes(word, long))) + "…"
	}
	return fmt.Sprintf("%q", word)
}

func runes(s string, n int) func(func(rune) bool) {
	return func(yield func(rune) bool) {
		for _, r := range s {
			if n == 0 || !yield(r) {
				return
			}
			n--
		}
	}
}

// distance is the number of edits between two words, a swap of neighbours
// being one. Words that are longer than any key are far from everything.
func distance(a, b string) int {
	const long = 64
	x, y := []rune(a), []rune(b)
	if len(x) > long || len(y) > long {
		return long
	}
	prev2, prev, cur := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(x); i++ {
		cur[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(y)]
}
