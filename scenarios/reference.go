package scenarios

import (
	"fmt"
	"strings"

	"example.com/dsim/links"
	"example.com/dsim/scenarios/topology"
)

//go:generate go test -run TestReferenceIsOfTheseTables -update .

// Reference is the reference of the file format in Markdown: every key, of the
// tables the loader reads by, every parameter of links, every generator, and
// the protocols and properties of a registry.
func Reference(reg *Registry) []byte {
	var r reference
	r.line("# Reference of scenario files\n")
	r.line("Every key there is. This page is made of the loader's own tables: `go generate ./scenarios`. What the\nkeys mean together is in [scenarios](scenarios.md), what parameters of links do in [links](links.md).\n")
	for _, t := range []struct {
		title  string
		fields []field
	}{
		{"At the top", scenarioFields},
		{"`defaults`", defaultsFields},
		{"`kinds`", kindsFields},
		{"A cell, beside the parameters of its protocol", initialCellFields},
		{"A kind of cells, beside parameters", kindCellFields},
		{"`clock` of a cell", clockFields},
		{"A link, beside its parameters", initialLinkFields},
		{"A kind of links, beside parameters", kindLinkFields},
		{"`topology`", topologyFields},
		{"`roots`, drawn", rootsFields},
		{"An entry of `timeline`, beside its action", entryFields},
	} {
		r.fields(t.title, t.fields)
	}
	r.actions()
	for _, t := range []struct {
		title  string
		fields []field
	}{
		{"An entry of `expect`", expectFields},
		{"`run`", runFields},
		{"`study`", studyFields},
		{"A range of `study.matrix`", rangeFields},
		{"`explore`", exploreFields},
		{"`explore.faults`", exploreFaultFields()},
	} {
		r.fields(t.title, t.fields)
	}
	r.generators()
	r.links()
	r.counters()
	r.protocols(reg)
	r.properties(reg)
	return []byte(r.b.String())
}

// reference is a page in the making.
type reference struct{ b strings.Builder }

func (r *reference) line(format string, args ...any) {
	if len(args) == 0 {
		r.b.WriteString(format + "\n")
		return
	}
	fmt.Fprintf(&r.b, format+"\n", args...)
}

func (r *reference) table(title string, head ...string) {
	r.line("\n## %s\n", title)
	r.row(head...)
	r.line("|%s", strings.Repeat("---|", len(head)))
}

func (r *reference) row(cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", "\\|")
	}
	r.line("| %s |", strings.Join(cells, " | "))
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func (r *reference) fields(title string, fields []field) {
	r.table(title, "key", "", "what it is")
	for _, f := range fields {
		must := ""
		if f.required {
			must = "required"
		}
		r.row(code(f.key), must, f.doc)
	}
}

// actions are what the timeline can do, and the maps some of them take.
func (r *reference) actions() {
	r.table("Actions of `timeline`", "action", "what it does")
	for _, a := range actions {
		r.row(code(a.key), a.doc)
	}
	r.line("\nThe name of a cell as a key is a command for it: `{at: 1s, alice: send hello}`. Several actions of one\nentry stand under `do: [...]`; `for: SPAN` ends a cut, hold, partition, crash or pause.")
	for _, t := range []struct {
		title  string
		fields []field
	}{
		{"`cut`, `heal`, `hold`, `release` as a map", linkActionFields},
		{"`set`, beside parameters of links", setLinkFields},
		{"`partition` as a map", partitionFields},
		{"`flap`", flapFields},
		{"`restart` as a map", restartFields},
		{"`clock` as an action", clockActionFields},
		{"`add-cell`, beside the parameters of its protocol", addCellFields},
		{"`add-link`, beside its parameters", addLinkFields},
		{"`remove-link` as a map", removeLinkFields},
		{"`apply`", applyFields},
	} {
		r.fields(t.title, t.fields)
	}
}

func (r *reference) generators() {
	r.table("Generators of `topology`", "generator", "key", "", "what it is")
	for _, g := range topology.Generators() {
		r.row(code(g.Name), "", "", g.Doc)
		for _, p := range g.Params {
			must := "required"
			if p.Or != "" {
				must = "or " + code(p.Or)
			}
			r.row("", code(p.Name), must, p.Doc)
		}
	}
}

func (r *reference) links() {
	r.table("Parameters of links", "parameter", "type", "default", "of", "what it is")
	for _, p := range links.ParamInfos() {
		of := "frames"
		switch {
		case p.Frame && p.Stream:
			of = "frames, streams"
		case p.Stream:
			of = "streams"
		}
		t := string(p.Type)
		if p.OneOf != nil {
			t = strings.Join(p.OneOf, ", ")
		}
		r.row(code(p.Name), t, p.Default, of, p.Doc)
	}
}

func (r *reference) counters() {
	r.table("What conditions can read of links", "counter", "what it counts")
	for _, c := range LinkCounters() {
		r.row(code("links.NAME."+c.Name), c.Doc)
	}
}

func (r *reference) protocols(reg *Registry) {
	for _, p := range reg.Protocols() {
		r.table("Protocol `"+p.Name+"`: "+p.Doc, "parameter", "type", "default", "what it is")
		for _, q := range p.Params() {
			t := q.Type
			if alone := strings.Trim(t, "|"); strings.Contains(t, "|") {
				t = strings.ReplaceAll(alone, "|", ", ")
			}
			r.row(code(q.Name), t, q.Default, q.Doc)
		}
		if names := reg.attributes(p.Name); len(names) > 0 {
			r.line("\nConditions can read: %s.", strings.Join(names, ", "))
		}
	}
}

// attributes are what a new cell of a protocol shows.
func (r *Registry) attributes(name string) (names []string) {
	p := r.protocol(name)
	made, err := p.make(nil)
	if err != nil {
		return nil // it cannot be made without parameters
	}
	for _, a := range p.scope(name, made).Attrs {
		names = append(names, code(a.Name))
	}
	return names
}

func (r *reference) properties(reg *Registry) {
	r.table("Properties", "property", "what it says")
	for _, p := range reg.Properties() {
		r.row(code(p.Name), p.Doc)
	}
}
