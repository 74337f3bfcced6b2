package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// screen writes for people: in colour on a terminal, unless they said no.
type screen struct {
	io.Writer
	plain bool
	tty   bool
	width int
}

func newScreen(w io.Writer) *screen {
	s := &screen{Writer: w, plain: true, width: 100}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.tty = true
		s.plain = os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 20 {
			s.width = n
		}
	}
	return s
}

func (s *screen) printf(format string, args ...any) { fmt.Fprintf(s, format, args...) }

// The colours are those of the terminal's own theme.
func (s *screen) paint(code, text string) string {
	if s.plain || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) good(t string) string  { return s.paint("32", t) }
func (s *screen) bad(t string) string   { return s.paint("31;1", t) }
func (s *screen) warn(t string) string  { return s.paint("33", t) }
func (s *screen) faint(t string) string { return s.paint("2", t) }
func (s *screen) bold(t string) string  { return s.paint("1", t) }

// table prints rows with their columns aligned, the first column to the left
// and numbers to the right.
func (s *screen) table(indent string, rows [][]string) {
	var widths []int
	for _, r := range rows {
		for i, c := range r {
			if i >= len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(c)))
		}
	}
	for n, r := range rows {
		var b strings.Builder
		for i, c := range r {
			pad := strings.Repeat(" ", widths[i]-len([]rune(c)))
			switch {
			case i > 0 && isNumber(c):
				b.WriteString(pad + c)
			case i == len(r)-1:
				b.WriteString(c)
			default:
				b.WriteString(c + pad)
			}
			if i < len(r)-1 {
				b.WriteString("  ")
			}
		}
		line := strings.TrimRight(b.String(), " ")
		if n == 0 {
			line = s.faint(line)
		}
		s.printf("%s%s\n", indent, line)
	}
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789.,-%") == ""
}
