package command

import (
	"fmt"
	"os"
	"regexp"
	"strconv"

	"example.com/dsim/clock"
	"example.com/dsim/replay"
	"github.com/rogpeppe/go-internal/testscript"
)

// change writes a file anew; n is the second word, from the file's end where it
// is negative.
func change(ts *testscript.TestScript, words []string, f func(b []byte, n int) []byte) error {
	n, err := strconv.Atoi(words[1])
	if err != nil {
		return err
	}
	b := []byte(ts.ReadFile(words[0]))
	if n < 0 {
		n += len(b)
	}
	if n < 0 || n >= len(b) {
		return fmt.Errorf("%s has %d bytes", words[0], len(b))
	}
	return os.WriteFile(ts.MkAbs(words[0]), f(b, n), 0o600)
}

func flip(ts *testscript.TestScript, words []string) error {
	return change(ts, words, func(b []byte, n int) []byte {
		b[n] ^= 4
		return b
	})
}

func cut(ts *testscript.TestScript, words []string) error {
	return change(ts, words, func(b []byte, n int) []byte { return b[:n] })
}

func without(ts *testscript.TestScript, words []string) error {
	return rewrite(ts.MkAbs(words[0]), words[1], nil)
}

func instead(ts *testscript.TestScript, words []string) error {
	return rewrite(ts.MkAbs(words[0]), words[1], &words[2])
}

// rewrite writes a trace anew, the first choice that matches left out or with
// another value.
func rewrite(file, pattern string, value *string) error {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	t, err := replay.Open(file)
	if err != nil {
		return err
	}
	defer t.Close()
	var m memory
	w, err := replay.NewWriter(&m, t.Header())
	if err != nil {
		return err
	}
	done := false
	for e, err := range t.Entries(0, clock.Never) {
		switch c := e.Choice; {
		case err != nil:
			return err
		case c == nil:
			w.Record(e.Record)
		case !done && re.MatchString(fmt.Sprintf("%s %s %d %s", c.What, c.Where, c.N, c.Value)):
			done = true
			if value != nil {
				c.Value = *value
				w.Choose(c)
			}
		default:
			w.Choose(c)
		}
	}
	if !done {
		return fmt.Errorf("no choice %s", pattern)
	}
	sum, _ := t.Summary()
	if err := w.Close(sum); err != nil {
		return err
	}
	return os.WriteFile(file, m, 0o600)
}
