package repro

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/scenarios"
)

// Signature says which failure it is, so that the same one is known again in
// another world, under another seed, and after a change of the program.
type Signature struct {
	Property string // "abp/exactly-once-in-order", an expectation's name, "dsim/panic"
	Site     string // what was seen, with roles for names and # for numbers
	Roles    string // the roles of the cells concerned, with commas between
}

// siteMax bounds the text of a site.
const siteMax = 300

// String is the signature on one line, as [ParseSignature] reads it.
func (s Signature) String() string { return s.Property + " | " + s.Site + " | " + s.Roles }

// IsZero reports whether s is the signature of nothing.
func (s Signature) IsZero() bool { return s == Signature{} }

// ParseSignature reads what String writes.
func ParseSignature(text string) (Signature, error) {
	parts := strings.Split(text, " | ")
	if strings.HasSuffix(text, " |") { // an editor took the last blank away
		parts = append(strings.Split(strings.TrimSuffix(text, " |"), " | "), "")
	}
	if len(parts) < 3 {
		parts = barsApart(text)
	}
	if len(parts) < 3 || parts[0] == "" {
		return Signature{}, fmt.Errorf("signature %q: want PROPERTY | SITE | ROLES", text)
	}
	// A condition may hold a bar, a site never does.
	n := len(parts)
	return Signature{Property: strings.Join(parts[:n-2], " | "), Site: parts[n-2], Roles: parts[n-1]}, nil
}

// barsApart splits at the last two bars that stand by themselves, where blanks
// around nothing have become one.
func barsApart(text string) []string {
	words := strings.Fields(text)
	var parts []string
	for i := len(words) - 1; i >= 0 && len(parts) < 2; i-- {
		if words[i] == "|" {
			parts = append([]string{strings.Join(words[i+1:], " ")}, parts...)
			words = words[:i]
		}
	}
	return append([]string{strings.Join(words, " ")}, parts...)
}

// Role is what a cell is in its world, without its name: its protocol, and its
// parameter role if it has one.
func Role(spec cells.CellSpec) string {
	for _, p := range spec.Params {
		if p.Name == "role" {
			return spec.Protocol + " " + p.Value
		}
	}
	return spec.Protocol
}

// Roles gives the role of every cell of a scenario, those included that its
// timeline adds.
func Roles(sc *scenarios.Scenario) map[cells.ID]string {
	roles := make(map[cells.ID]string)
	add := func(list []cells.Change) {
		for _, c := range list {
			if c.Op == cells.AddCell {
				roles[c.Cell.ID] = Role(c.Cell)
			}
		}
	}
	add(sc.Initial)
	for i := range sc.Timeline {
		for j := range sc.Timeline[i].Steps {
			add(sc.Timeline[i].Steps[j].Changes)
		}
	}
	return roles
}

// linksOf are the names of the links of a scenario.
func linksOf(sc *scenarios.Scenario) map[string]bool {
	names := make(map[string]bool)
	add := func(list []cells.Change) {
		for _, c := range list {
			if c.Op == cells.AddLink {
				names[c.Link.Name] = true
			}
		}
	}
	add(sc.Initial)
	for i := range sc.Timeline {
		for j := range sc.Timeline[i].Steps {
			add(sc.Timeline[i].Steps[j].Changes)
		}
	}
	return names
}

var (
	wordRule   = regexp.MustCompile(`[A-Za-z0-9_][A-Za-z0-9_-]*`)
	numberRule = regexp.MustCompile(`<[^<>]*>|0x[0-9a-fA-F]+|\b[0-9a-f]{12,}\b|[0-9]+(\.[0-9]+)?(e-?[0-9]+)?(([num]?s|µs|m|h|d|[KMG]?i?B|[kMG]?bit|%)\b)?`)
	manyRule   = regexp.MustCompile(`(<[^<>]+>)(, \pL*\s?<[^<>]+>|,? and <[^<>]+>|,? <[^<>]+>)+`)
	hashesRule = regexp.MustCompile(`#((, ?| )#)+`)
)

// SignatureOf is the signature of a failure in a scenario.
func SignatureOf(sc *scenarios.Scenario, f *scenarios.Failure) Signature {
	roles, names := Roles(sc), linksOf(sc)
	var met []string
	site := wordRule.ReplaceAllStringFunc(f.Text, func(word string) string {
		if role, ok := roles[cells.ID(word)]; ok {
			met = append(met, role)
			return "<" + role + ">"
		}
		if names[word] {
			return "<link>"
		}
		return word
	})
	site = numberRule.ReplaceAllStringFunc(site, func(part string) string {
		if part[0] == '<' {
			return part
		}
		return "#"
	})
	site = strings.Join(strings.Fields(strings.ReplaceAll(site, "|", "/")), " ")
	site = manyRule.ReplaceAllString(site, "$1")
	site = hashesRule.ReplaceAllString(site, "#")
	if len(site) > siteMax {
		site = strings.ToValidUTF8(site[:siteMax], "")
	}
	if f.Property == scenarios.PropertyZeroDelay {
		site = cycleSite(site)
	}
	if role, ok := roles[cells.ID(f.Cell)]; ok {
		met = []string{role}
	}
	if len(met) == 0 {
		met = watchedRoles(sc, f, roles)
	}
	slices.Sort(met)
	return Signature{Property: f.Property, Site: strings.TrimSpace(site), Roles: strings.Join(slices.Compact(met), ", ")}
}

// watchedRoles are the roles of the cells that a failed condition reads.
func watchedRoles(sc *scenarios.Scenario, f *scenarios.Failure, roles map[cells.ID]string) (met []string) {
	for i := range sc.Expect {
		e := &sc.Expect[i]
		if e.Path != f.Path || e.Cond == nil {
			continue
		}
		for _, w := range e.Cond.Watch {
			if role, ok := roles[w.Cell]; ok {
				met = append(met, role)
			}
		}
	}
	return met
}

// cycleSite is a cycle of causes without where it was entered: who is part of
// it.
func cycleSite(site string) string {
	_, chain, _ := strings.Cut(site, "…")
	var who []string
	for part := range strings.SplitSeq(chain, "->") {
		part = strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(part), "<"), ">>"))
		if strings.Contains(part, "<") && !strings.HasSuffix(part, ">") {
			part += ">"
		}
		if part != "" {
			who = append(who, part)
		}
	}
	slices.Sort(who)
	return "zero-delay cycle of " + strings.Join(slices.Compact(who), ", ")
}
