package replay

import (
	"bufio"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"strconv"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// The lines of a trace as JSON. Field order is the order here, so that the same
// trace gives the same bytes. Times are nanoseconds; keys are as [FormatKey]
// prints them, payloads hex.

type headerLine struct {
	Trace    string            `json:"trace"` // "dsim"
	Version  int               `json:"version"`
	Level    string            `json:"level"`
	Rng      uint32            `json:"rng"`
	Scenario string            `json:"scenario"`
	TextHash string            `json:"text_sha256"`
	Seed     string            `json:"seed"`
	Set      []string          `json:"set,omitempty"`
	Build    string            `json:"build"`
	Info     map[string]string `json:"info,omitempty"` // keys are sorted
	Text     string            `json:"text,omitempty"`
}

// RecordLine is a record as JSON.
type RecordLine struct {
	N     uint64 `json:"n"`
	T     int64  `json:"t"`
	Key   string `json:"key"`
	Cause string `json:"cause"`
	Op    string `json:"op"`
	Cell  string `json:"cell,omitempty"`
	Link  string `json:"link,omitempty"`
	Port  uint32 `json:"port"`
	Kind  string `json:"kind,omitempty"`
	A     int64  `json:"a"`
	B     int64  `json:"b"`
	Text  string `json:"text,omitempty"`
	Data  string `json:"data,omitempty"`
}

// Line gives the n-th record as JSON shows it.
func Line(n uint64, r *des.Record) RecordLine {
	return RecordLine{
		n, int64(r.Key.Time), FormatKey(r.Key), FormatKey(r.Cause), r.Op.String(), r.Cell, r.Link,
		r.Port, r.Kind, r.A, r.B, r.Text, hex.EncodeToString(r.Data),
	}
}

// ChoiceLine is a choice as JSON.
type ChoiceLine struct {
	T     int64  `json:"t"`
	Key   string `json:"key"`
	What  string `json:"choice"`
	Where string `json:"where"`
	N     uint64 `json:"occurrence"`
	Value string `json:"value"`
}

func choiceLine(c *des.Choice) ChoiceLine {
	return ChoiceLine{int64(c.At.Time), FormatKey(c.At), c.What, c.Where, c.N, c.Value}
}

type summaryLine struct {
	Verdict string            `json:"verdict"`
	Digest  string            `json:"digest"`
	End     int64             `json:"end"`
	Events  uint64            `json:"events"`
	Records uint64            `json:"records"`
	Choices uint64            `json:"choices"`
	Hash    string            `json:"hash"`
	Info    map[string]string `json:"info,omitempty"`
}

// WriteJSONL writes the trace from..to as JSON lines: the header, then one
// record or choice a line, then the summary if there is one.
func WriteJSONL(w io.Writer, t *Trace, from, to clock.Time) error {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	h := t.header
	err := enc.Encode(headerLine{"dsim", h.Version, h.Level.String(), h.Rng, h.Scenario, h.TextHash, h.Seed, h.Set, h.Build, h.Info, h.Text})
	if err != nil {
		return err
	}
	for e, err := range t.Entries(from, to) {
		if err != nil {
			return err
		}
		if e.Record != nil {
			err = enc.Encode(Line(e.Number, e.Record))
		} else {
			err = enc.Encode(choiceLine(e.Choice))
		}
		if err != nil {
			return err
		}
	}
	if s := t.summary; s != nil {
		if err := enc.Encode(summaryLine{s.Verdict, digestText(s.Digest), int64(s.End), s.Events, s.Records, s.Choices, s.Hash, s.Info}); err != nil {
			return err
		}
	}
	return b.Flush()
}

func digestText(d des.Digest) string {
	s := strconv.FormatUint(uint64(d), 16)
	return "0000000000000000"[len(s):] + s
}

// WriteCSV writes the records from..to as comma-separated values, with a line
// of names first.
func WriteCSV(w io.Writer, t *Trace, from, to clock.Time) error {
	c := csv.NewWriter(w)
	if err := c.Write([]string{"n", "t", "key", "cause", "op", "cell", "link", "port", "kind", "a", "b", "text", "data"}); err != nil {
		return err
	}
	for e, err := range t.Entries(from, to) {
		if err != nil {
			return err
		}
		if e.Record == nil {
			continue
		}
		l := Line(e.Number, e.Record)
		if err := c.Write([]string{
			strconv.FormatUint(l.N, 10), strconv.FormatInt(l.T, 10), l.Key, l.Cause, l.Op, l.Cell, l.Link,
			strconv.FormatUint(uint64(l.Port), 10), l.Kind, strconv.FormatInt(l.A, 10), strconv.FormatInt(l.B, 10), l.Text, l.Data,
		}); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
