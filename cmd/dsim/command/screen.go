package command

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
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

// table prints rows with their columns aligned, numbers to the right. The first
// row is the head.
func (s *screen) table(indent string, rows [][]string) {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	var columns []table.ColumnConfig
	for i := range rows[0] {
		columns = append(columns, table.ColumnConfig{Number: i + 1, Align: text.AlignAuto, AlignHeader: text.AlignAuto})
	}
	t.SetColumnConfigs(columns)
	for n, r := range rows {
		row := make(table.Row, len(r))
		for i, c := range r {
			row[i] = c
		}
		if n == 0 {
			t.AppendHeader(row)
		} else {
			t.AppendRow(row)
		}
	}
	for n, line := range strings.Split(t.Render(), "\n") {
		line = strings.TrimRight(line, " ")
		if n == 0 {
			line = s.faint(line)
		}
		s.printf("%s%s\n", indent, line)
	}
}
