package replay

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"example.com/dsim/des"
)

// RecordText is a record on one line for people: when, what, whose and with
// which values, and at the end the event, as [FormatKey] names it.
func RecordText(r *des.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.Key.Time, r.Op)
	if r.Cell != "" {
		fmt.Fprintf(&b, " %s:%d", r.Cell, r.Port)
	}
	if r.Link != "" {
		b.WriteString(" " + r.Link + frameNumber(r))
	}
	if r.Kind != "" {
		b.WriteString(" " + r.Kind)
	}
	if r.Op == des.OpMark {
		fmt.Fprintf(&b, " fold=%016x", uint64(r.A))
	} else {
		fmt.Fprintf(&b, " a=%d b=%d", r.A, r.B)
	}
	if r.Text != "" {
		fmt.Fprintf(&b, " %.200q", r.Text)
	}
	if len(r.Data) > 0 {
		fmt.Fprintf(&b, " %d bytes %s", len(r.Data), hex.EncodeToString(r.Data[:min(len(r.Data), 24)]))
		if len(r.Data) > 24 {
			b.WriteString("…")
		}
	}
	b.WriteString("  " + FormatKey(r.Key))
	return b.String()
}

// Headline is the difference on one line.
func (d *Difference) Headline() string {
	var b strings.Builder
	switch d.What {
	case "choice":
		c := d.Choice
		fmt.Fprintf(&b, "at %s %s %s #%d is %s and %s", d.At, c.What, c.Where, c.N, c.value(c.A), c.value(c.B))
	case "mark":
		where := "the world"
		if len(d.Cells) > 0 {
			where = strings.Join(d.Cells[:min(len(d.Cells), 8)], ", ")
			if len(d.Cells) > 8 {
				where += fmt.Sprintf(" and %d more cells", len(d.Cells)-8)
			}
		}
		fmt.Fprintf(&b, "between %s and %s: %s", d.Since, d.At, where)
	case "end":
		fmt.Fprintf(&b, "at %s one run has ended, after %d records", d.At, d.Number)
	case "summary":
		b.WriteString("the ends differ, though no record, mark or choice does")
	default:
		fmt.Fprintf(&b, "at %s", d.At)
		if k := d.key(); !k.IsZero() {
			b.WriteString(", event " + d.names.event(k))
		}
		fmt.Fprintf(&b, ", record %d", d.Number)
		if d.Cell != "" {
			b.WriteString(" of " + d.Cell)
		}
	}
	return b.String() + "; suspected: " + string(d.Suspect.Class)
}

// key is the first event that differs; zero if it is none.
func (d *Difference) key() des.Key {
	var k des.Key
	for _, here := range [][]Numbered{d.A.Here, d.B.Here} {
		if len(here) > 0 && (k.IsZero() || here[0].Record.Key.Compare(k) < 0) {
			k = here[0].Record.Key
		}
	}
	return k
}

// String is the whole difference for people, some twenty lines.
func (d *Difference) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "first difference: %s\n", d.Headline())
	fmt.Fprintf(&b, "suspected cause: %s\n", d.Suspect)
	for _, s := range d.Also {
		fmt.Fprintf(&b, "  or %s\n", s)
	}
	for _, h := range d.Header {
		fmt.Fprintf(&b, "header, %s: %.80q and %.80q\n", h.Field, h.A, h.B)
	}
	if c := d.Choice; c != nil {
		fmt.Fprintf(&b, "first choice that differs: %s %s #%d at %s: %s and %s\n", c.What, c.Where, c.N, d.names.place(c.At), c.value(c.A), c.value(c.B))
	}
	if len(d.A.Before) > 0 {
		fmt.Fprintf(&b, "the same on both sides, up to record %d:\n", d.Number)
		for i := range d.A.Before {
			fmt.Fprintf(&b, "    %d  %s\n", d.A.Before[i].N, RecordText(&d.A.Before[i].Record))
		}
	}
	if d.What != "summary" {
		d.A.write(&b, "a")
		d.B.write(&b, "b")
	}
	return b.String()
}

func (s *Side) write(b *strings.Builder, name string) {
	if s.Name != "" {
		name += ", " + s.Name
	}
	fmt.Fprintf(b, "then %s:\n", name)
	if s.Ended {
		b.WriteString("    nothing: it has ended\n")
	}
	for i := range s.Here {
		fmt.Fprintf(b, "    %d  %s\n", s.Here[i].N, RecordText(&s.Here[i].Record))
	}
	if len(s.Causes) > 1 {
		b.WriteString("  caused by:\n")
		for i := range s.Causes[1:] {
			fmt.Fprintf(b, "    %s\n", RecordText(&s.Causes[i+1]))
		}
	}
}

type sideLine struct {
	Name   string       `json:"name,omitempty"`
	Before []RecordLine `json:"before"`
	Here   []RecordLine `json:"here"`
	Causes []RecordLine `json:"causes"`
	Ended  bool         `json:"ended"`
}

type choiceDifferenceLine struct {
	What  string  `json:"what"`
	Where string  `json:"where"`
	N     uint64  `json:"occurrence"`
	Key   string  `json:"key"`
	A     *string `json:"a"`
	B     *string `json:"b"`
}

type differenceLine struct {
	What    string                `json:"what"`
	Cell    string                `json:"cell,omitempty"`
	Cells   []string              `json:"cells,omitempty"`
	At      int64                 `json:"t"`
	Since   int64                 `json:"since,omitempty"`
	Number  uint64                `json:"n"`
	Suspect Suspicion             `json:"suspect"`
	Also    []Suspicion           `json:"also,omitempty"`
	Choice  *choiceDifferenceLine `json:"choice,omitempty"`
	Header  []HeaderDifference    `json:"header,omitempty"`
	A       sideLine              `json:"a"`
	B       sideLine              `json:"b"`
}

// MarshalJSON gives the difference with its records as [RecordLine] shows them.
func (d *Difference) MarshalJSON() ([]byte, error) {
	l := differenceLine{
		What: d.What, Cell: d.Cell, Cells: d.Cells, At: int64(d.At), Since: int64(d.Since), Number: d.Number,
		Suspect: d.Suspect, Also: d.Also, Header: d.Header, A: d.A.line(), B: d.B.line(),
	}
	if c := d.Choice; c != nil {
		l.Choice = &choiceDifferenceLine{c.What, c.Where, c.N, FormatKey(c.At), c.A, c.B}
	}
	return json.Marshal(l)
}

func (s *Side) line() sideLine {
	numbered := func(list []Numbered) []RecordLine {
		out := make([]RecordLine, len(list))
		for i := range list {
			out[i] = Line(list[i].N, &list[i].Record)
		}
		return out
	}
	causes := make([]RecordLine, len(s.Causes))
	for i := range s.Causes {
		causes[i] = Line(0, &s.Causes[i])
	}
	return sideLine{s.Name, numbered(s.Before), numbered(s.Here), causes, s.Ended}
}
