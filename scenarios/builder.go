package scenarios

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Builder puts the text of a scenario together in Go. The text goes the same
// way as a file's, so that it is checked the same, stands in traces, and can be
// saved and run by the command.
//
//	b := scenarios.New("two").
//		Cell("alice", "abp", "role=sender", "messages=10").
//		Cell("bob", "abp", "role=receiver").
//		Link("ab", "alice:p0", "bob:p0", "delay=10ms", "loss=10%").
//		Do(500*time.Millisecond, "cut: ab, for: 300ms").
//		Expect("always: abp/exactly-once-in-order").
//		Until(time.Minute)
type Builder struct {
	name                           string
	cells, links, timeline, expect []string
	run                            []string
	until                          time.Duration
}

// New begins a scenario.
func New(name string) *Builder { return &Builder{name: name, until: time.Minute} }

// Cell adds a cell with parameters as "name=value"; clock.drift and
// clock.offset are parameters too.
func (b *Builder) Cell(name, protocol string, params ...string) *Builder {
	b.cells = append(b.cells, entry(name, append([]string{"protocol=" + protocol}, params...)))
	return b
}

// Link adds a link between two ports, as "cell:port", with parameters of both
// directions as "loss=10%", or of one as "a->b.loss=10%".
func (b *Builder) Link(name, one, two string, params ...string) *Builder {
	b.links = append(b.links, entry(name, append([]string{"between=" + one + "," + two}, params...)))
	return b
}

// Stream adds a stream link between two cells.
func (b *Builder) Stream(name, one, two string, params ...string) *Builder {
	return b.Link(name, one, two, append([]string{"stream=true"}, params...)...)
}

// Do adds an action of the timeline, as it stands in a file behind its time:
// "cut: ab, for: 300ms".
func (b *Builder) Do(at time.Duration, action string) *Builder {
	b.timeline = append(b.timeline, fmt.Sprintf("{at: %s, %s}", at, action))
	return b
}

// Expect adds an expectation as it stands in a file: "sometimes: bob.delivered > 0".
func (b *Builder) Expect(text string) *Builder {
	b.expect = append(b.expect, "{"+text+"}")
	return b
}

// Until says when the run ends; a minute where it is not called.
func (b *Builder) Until(d time.Duration) *Builder {
	b.until = d
	return b
}

// Run adds a setting of the run, such as "ties: shuffled".
func (b *Builder) Run(setting string) *Builder {
	b.run = append(b.run, setting)
	return b
}

// Text is the scenario as a file has it.
func (b *Builder) Text() []byte {
	var s strings.Builder
	fmt.Fprintf(&s, "version: 1\nname: %s\n", strconv.Quote(b.name))
	section(&s, "cells", "  ", b.cells)
	section(&s, "links", "  ", b.links)
	section(&s, "timeline", "  - ", b.timeline)
	section(&s, "expect", "  - ", b.expect)
	fmt.Fprintf(&s, "run: {%s}\n", strings.Join(append([]string{"until: " + b.until.String()}, b.run...), ", "))
	return []byte(s.String())
}

// Source is the scenario, ready to be built for seeds.
func (b *Builder) Source() (*Source, error) { return Parse(fileName(b.name), b.Text()) }

// fileName makes a name that errors can speak of.
func fileName(name string) string {
	plain := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}
	return strings.Map(plain, name) + ".yaml"
}

func section(s *strings.Builder, name, before string, list []string) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(s, "%s:\n", name)
	for _, x := range list {
		fmt.Fprintf(s, "%s%s\n", before, x)
	}
}

// entry is "name: {key: value, …}", with the parameters of one direction, and
// of the clock, in maps of their own.
func entry(name string, params []string) string {
	var flat []string
	groups := make(map[string][]string)
	var order []string
	for _, p := range params {
		key, value, _ := strings.Cut(p, "=")
		if key == "between" {
			one, two, _ := strings.Cut(value, ",")
			flat = append(flat, fmt.Sprintf("between: [%s, %s]", strconv.Quote(one), strconv.Quote(two)))
			continue
		}
		group, sub, grouped := strings.Cut(key, ".")
		if !grouped || !strings.Contains(group, "->") && group != "clock" {
			flat = append(flat, fmt.Sprintf("%s: %s", strconv.Quote(key), scalarText(value)))
			continue
		}
		if groups[group] == nil {
			order = append(order, group)
		}
		groups[group] = append(groups[group], fmt.Sprintf("%s: %s", strconv.Quote(sub), scalarText(value)))
	}
	for _, g := range order {
		flat = append(flat, fmt.Sprintf("%s: {%s}", strconv.Quote(g), strings.Join(groups[g], ", ")))
	}
	return fmt.Sprintf("%s: {%s}", strconv.Quote(name), strings.Join(flat, ", "))
}

// scalarText quotes what YAML would take for something else than text, but
// leaves numbers and truth values as they are.
func scalarText(v string) string {
	if v == "true" || v == "false" || v != "" && strings.Trim(v, "0123456789") == "" {
		return v
	}
	return strconv.Quote(v)
}
