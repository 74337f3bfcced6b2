package study

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"example.com/dsim/scenarios"
)

// Table is what a study found: a row for each point and measure, points in the
// order of the matrix, measures as they were given.
type Table struct {
	Axes []string
	Rows []Row

	Runs, Done           int // of all points
	Failed, Inconclusive int
}

// Row is a measure at a point.
type Row struct {
	Values  []string // of the axes
	Measure string
	Summary
	Failed int // runs of the point with an expectation that did not hold
}

// table sums up what is done, in the order of runs.
func (s *Study) table(results []*result) *Table {
	t := &Table{Runs: s.Runs()}
	for _, a := range s.axes {
		t.Axes = append(t.Axes, a.Path)
	}
	for p := range s.points {
		failed := 0
		for _, r := range results[p*s.repeat : (p+1)*s.repeat] {
			if r == nil {
				continue
			}
			t.Done++
			switch r.Verdict {
			case scenarios.Fail:
				failed++
			case scenarios.Inconclusive:
				t.Inconclusive++
			}
		}
		t.Failed += failed
		for m, name := range s.measure {
			var samples []float64
			for _, r := range results[p*s.repeat : (p+1)*s.repeat] {
				if r != nil && m < len(r.Values) && r.Values[m] != nil {
					samples = append(samples, *r.Values[m])
				}
			}
			t.Rows = append(t.Rows, Row{s.shown(p), name, Summarise(samples), failed})
		}
	}
	return t
}

// shown are the values of a point without the quotes that carried them.
func (s *Study) shown(p int) []string {
	list := s.values(p)
	for i, v := range list {
		if text, err := strconv.Unquote(v); err == nil {
			list[i] = text
		}
	}
	return list
}

var columns = []string{"measure", "n", "mean", "ci95", "sd", "min", "max", "failed"}

// number prints a figure; one that there is not is empty.
func number(v float64, digits int) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', digits, 64)
}

// cells are a row as text, to so many digits.
func (r *Row) cells(digits int) []string {
	figures := []string{r.Measure, strconv.Itoa(r.N)}
	for _, v := range []float64{r.Mean, r.CI95, r.SD, r.Min, r.Max} {
		figures = append(figures, number(v, digits))
	}
	return append(slices.Clone(r.Values), append(figures, strconv.Itoa(r.Failed))...)
}

// WriteText writes the table for people: ±95% is how far the true mean may be
// from the mean that was seen, with 95 % confidence.
func (t *Table) WriteText(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := append(slices.Clone(t.Axes), columns...)
	head[len(t.Axes)+3] = "±95%"
	rows := [][]string{head}
	for i := range t.Rows {
		row := t.Rows[i].cells(6)
		for k, c := range row {
			if c == "" {
				row[k] = "-"
			}
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		if _, err := io.WriteString(out, strings.Join(row, "\t")+"\t\n"); err != nil {
			return err
		}
	}
	return out.Flush()
}

// digits is how many a file has: as many as are the same on all machines.
const digits = 12

// WriteCSV writes the table with a line of names first; a figure that there is
// not, such as the deviation of one run, is empty.
func (t *Table) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write(append(slices.Clone(t.Axes), columns...)); err != nil {
		return err
	}
	for i := range t.Rows {
		if err := out.Write(t.Rows[i].cells(digits)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// tableJSON is a table as JSON. Fields are only added.
type tableJSON struct {
	Axes         []string  `json:"axes"`
	Runs         int       `json:"runs"`
	Done         int       `json:"done"`
	Failed       int       `json:"failed"`
	Inconclusive int       `json:"inconclusive"`
	Rows         []rowJSON `json:"rows"`
}

type rowJSON struct {
	Values  []string     `json:"values"`
	Measure string       `json:"measure"`
	N       int          `json:"n"`
	Mean    *json.Number `json:"mean"`
	CI95    *json.Number `json:"ci95"`
	SD      *json.Number `json:"sd"`
	Min     *json.Number `json:"min"`
	Max     *json.Number `json:"max"`
	Failed  int          `json:"failed"`
}

// WriteJSON writes the table as one object; a figure that there is not is null.
func (t *Table) WriteJSON(w io.Writer) error {
	out := tableJSON{append([]string{}, t.Axes...), t.Runs, t.Done, t.Failed, t.Inconclusive, []rowJSON{}}
	figure := func(v float64) *json.Number {
		if text := json.Number(number(v, digits)); text != "" {
			return &text
		}
		return nil
	}
	for _, r := range t.Rows {
		out.Rows = append(out.Rows, rowJSON{
			append([]string{}, r.Values...), r.Measure, r.N,
			figure(r.Mean), figure(r.CI95), figure(r.SD), figure(r.Min), figure(r.Max), r.Failed,
		})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(out)
}
