package scenarios

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"example.com/dsim/links"
	"example.com/dsim/scenarios/topology"
	"github.com/invopop/jsonschema"
)

//go:generate go test -run TestSchemaFileIsOfTheseTables -update .

// SchemaFile is the name of the schema among the shipped scenarios.
const SchemaFile = "scenario.schema.json"

// Schema is the JSON Schema of scenario files, for editors: of the tables the
// loader reads by, the parameters of links, and the protocols of a registry.
// It knows structure, keys, words and the look of values; names, ranges and
// what goes together only the loader knows. What it refuses, the loader
// refuses.
func Schema(reg *Registry) ([]byte, error) {
	b := &schemaBuilder{reg: reg, defs: make(jsonschema.Definitions)}
	root := b.object(scenarioFields)
	root.AnyOf = []*schema{{Required: []string{"cells"}}, {Required: []string{"topology"}}}
	root.Version = jsonschema.Version
	root.Title = "dsim scenario, version 1"
	root.Definitions = b.defs
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(root); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

type (
	schema = jsonschema.Schema
	// shape makes the schema of a value.
	shape func(*schemaBuilder) *schema
)

type schemaBuilder struct {
	reg  *Registry
	defs jsonschema.Definitions
}

// define makes a schema once, and refers to it.
func (b *schemaBuilder) define(name string, make func() *schema) *schema {
	if _, done := b.defs[name]; !done {
		b.defs[name] = nil // refers to itself from here on
		b.defs[name] = make()
	}
	return &schema{Ref: "#/$defs/" + name}
}

func anyOf(list ...*schema) *schema { return &schema{AnyOf: list} }

func typed(t string) *schema { return &schema{Type: t} }

func pattern(p string) *schema { return &schema{Type: "string", Pattern: p} }

func (b *schemaBuilder) object(fields []field) *schema {
	s := &schema{Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
	b.add(s, fields)
	return s
}

func (b *schemaBuilder) add(s *schema, fields []field) {
	for _, f := range fields {
		v := f.shape(b)
		if v.Ref != "" {
			v = &schema{AllOf: []*schema{v}}
		}
		if v.Description == "" {
			v.Description = f.doc
		}
		s.Properties.Set(f.key, v)
		if f.required {
			s.Required = append(s.Required, f.key)
		}
	}
}

func object(name string, fields []field) shape {
	return func(b *schemaBuilder) *schema {
		return b.define(name, func() *schema { return b.object(fields) })
	}
}

// named is a shape that is written once, and referred to.
func named(name string, of shape) shape {
	return func(b *schemaBuilder) *schema {
		return b.define(name, func() *schema { return of(b) })
	}
}

func mapOf(elem shape, least uint64) shape {
	return func(b *schemaBuilder) *schema {
		s := &schema{Type: "object", PropertyNames: pattern(nameRule.String()), AdditionalProperties: elem(b)}
		if least > 0 {
			s.MinProperties = &least
		}
		return s
	}
}

func listShape(elem shape) shape {
	return func(b *schemaBuilder) *schema { return &schema{Type: "array", Items: elem(b)} }
}

func oneOrMore(elem shape) shape {
	return func(b *schemaBuilder) *schema {
		return anyOf(elem(b), &schema{Type: "array", Items: elem(b)})
	}
}

func enum(words ...string) shape {
	return func(b *schemaBuilder) *schema {
		s := &schema{Type: "string"}
		for _, w := range words {
			s.Enum = append(s.Enum, w)
		}
		return anyOf(s, b.draw())
	}
}

// draw is any distribution in the place of a value.
func (b *schemaBuilder) draw() *schema {
	return b.define("draw", func() *schema {
		value := anyOf(typed("string"), typed("number"), typed("boolean"))
		two := &schema{Type: "array", Items: value, MinItems: ptr(2), MaxItems: ptr(2)}
		operands := map[string]*schema{
			"uniform": two, "normal": two, "exponential": value,
			"choose":   {Type: "array", Items: value, MinItems: ptr(1), MaxItems: ptr(maxChoices)},
			"weighted": {Type: "object", AdditionalProperties: plain(count), MinProperties: ptr(1), MaxProperties: ptr(maxChoices)},
		}
		s := &schema{Description: "drawn once for each seed"}
		for _, d := range distributions {
			one := &schema{
				Type: "object", Properties: jsonschema.NewProperties(), Required: []string{d.word},
				AdditionalProperties: jsonschema.FalseSchema, Description: d.example,
			}
			one.Properties.Set(d.word, operands[d.word])
			s.OneOf = append(s.OneOf, one)
		}
		return s
	})
}

func ptr(n uint64) *uint64 { return &n }

// scalar is a quantity, which may be drawn.
func scalar(q quantity) shape {
	return func(b *schemaBuilder) *schema {
		return anyOf(b.define(quantityNames[q], func() *schema { return plain(q) }), b.draw())
	}
}

// plain is a quantity as it looks; the loader looks closer.
func plain(q quantity) *schema {
	const number = `[0-9]+(\.[0-9]+)?`
	switch q {
	case count:
		return anyOf(typed("integer"), pattern(`^-?[0-9]+$`))
	case span:
		s := anyOf(pattern(`^-?[0-9.]+[a-zµμ0-9.]*$`), &schema{Const: 0})
		s.Description = "a span of time such as 250ms, 1.5s or 1m30s"
		return s
	case ratio:
		s := anyOf(&schema{Type: "number", Minimum: "0"}, pattern(`^[0-9.]`))
		s.Description = "a probability such as 10%, 0.1, 1e-5 or 1/3"
		return s
	case rate:
		s := anyOf(pattern(`^`+number+` ?[A-Za-z/]+$|^none$`), typed("number"))
		s.Description = "a rate such as 100Mbit"
		return s
	case size:
		s := anyOf(typed("integer"), pattern(`^`+number+` ?[A-Za-z]*$`))
		s.Description = "a size such as 1500B or 64KiB"
		return s
	case drift:
		s := anyOf(&schema{Const: 0}, pattern(`^[-+]?[0-9]`))
		s.Description = "a drift such as 50ppm"
		return s
	case amounts:
		s := anyOf(typed("integer"), typed("string"))
		s.Description = "for each: 64, 1KiB, uniform(64B, 1KiB), …"
		return s
	case truth:
		return anyOf(typed("boolean"), &schema{Type: "string", Enum: []any{"true", "false"}})
	case spread:
		s := anyOf(typed("string"), &schema{Const: 0})
		s.Description = "for each frame: 10ms, uniform(1ms, 5ms), normal(10ms, 2ms), exponential(10ms), …"
		return s
	}
	return anyOf(typed("string"), typed("number"), typed("boolean"))
}

var (
	versionShape shape = func(*schemaBuilder) *schema { return &schema{Enum: []any{1, "1"}} }
	textShape    shape = func(b *schemaBuilder) *schema {
		return b.define("text", func() *schema { return plain(anyText) })
	}
	nameShape shape = func(b *schemaBuilder) *schema {
		return b.define("name", func() *schema {
			return anyOf(pattern(nameRule.String()), typed("integer"), typed("boolean"), typed("number"))
		})
	}
	seedShape     shape = func(*schemaBuilder) *schema { return anyOf(typed("number"), pattern(`^[0-9a-fA-Fx]+$`)) }
	boolShape           = scalar(truth)
	portsShape    shape = func(b *schemaBuilder) *schema { return anyOf(scalar(count)(b), listShape(nameShape)(b)) }
	betweenShape  shape = func(*schemaBuilder) *schema { return pair(plain(anyText)) }
	protocolShape shape = func(b *schemaBuilder) *schema {
		return b.define("protocol", func() *schema {
			s := &schema{Type: "string"}
			for _, p := range b.reg.Protocols() {
				s.Enum = append(s.Enum, p.Name)
			}
			return s
		})
	}
	groupsShape shape = func(b *schemaBuilder) *schema {
		group := &schema{Type: "array", Items: nameShape(b), MinItems: ptr(1)}
		return &schema{Type: "array", Items: group, MinItems: ptr(2)}
	}
	partitionShape  shape = func(b *schemaBuilder) *schema { return anyOf(groupsShape(b), b.object(partitionFields)) }
	restartShape    shape = func(b *schemaBuilder) *schema { return anyOf(oneOrMore(nameShape)(b), b.object(restartFields)) }
	removeLinkShape shape = func(b *schemaBuilder) *schema {
		return anyOf(oneOrMore(nameShape)(b), b.object(removeLinkFields))
	}
	commandShape shape = func(b *schemaBuilder) *schema {
		return b.define("command", func() *schema {
			s := anyOf(scalar(anyText)(b), listShape(scalar(anyText))(b))
			s.Description = "a command for the cell"
			return s
		})
	}
)

// topologyShape is a topology: exactly one of its shapes.
func topologyShape(b *schemaBuilder) *schema {
	return b.define("topology", func() *schema {
		s := b.object(topologyFields)
		for _, word := range shapeWords() {
			s.OneOf = append(s.OneOf, &schema{Required: []string{word}})
		}
		return s
	})
}

// generatorShape is a map of a generator's numbers, or the number of one that
// has no more.
func generatorShape(g *topology.Generator) shape {
	return func(b *schemaBuilder) *schema {
		s := b.object(generatorFields(g))
		if len(g.Params) == 1 {
			return anyOf(scalar(count)(b), s)
		}
		return s
	}
}

func edgesShape(b *schemaBuilder) *schema { return oneOrMore(textShape)(b) }

func rootsShape(b *schemaBuilder) *schema {
	return anyOf(scalar(count)(b), listShape(nameShape)(b), b.object(rootsFields))
}

// matrixShape is paths with their values: a list, or a range.
func matrixShape(b *schemaBuilder) *schema {
	return &schema{Type: "object", AdditionalProperties: anyOf(oneOrMore(textShape)(b), object("range", rangeFields)(b))}
}

func plainCount(*schemaBuilder) *schema { return plain(count) }

func pair(s *schema) *schema {
	return &schema{Type: "array", Items: s, MinItems: ptr(2), MaxItems: ptr(2)}
}

// linkAction is an action on links or one direction; with inFlight it says
// what becomes of frames on their way.
func linkAction(inFlight bool) shape {
	return func(b *schemaBuilder) *schema {
		fields := linkActionFields
		if !inFlight {
			fields = fields[:2]
		}
		return anyOf(oneOrMore(textShape)(b), b.object(fields))
	}
}

// linkShape is a map of a link: fixed keys, and its parameters for both
// directions or for one.
func linkShape(fixed []field) shape {
	return func(b *schemaBuilder) *schema {
		s := b.params("")
		b.add(s, fixed)
		side := b.define("direction", func() *schema { return b.params("") })
		s.PatternProperties = map[string]*schema{"->": side}
		return s
	}
}

// params are the parameters whose names begin with prefix, which are also
// written in groups.
func (b *schemaBuilder) params(prefix string) *schema {
	s := &schema{Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
	for _, i := range linkInfos {
		name, ok := strings.CutPrefix(i.Name, prefix)
		if !ok {
			continue
		}
		v := b.param(i)
		if isGroup(i.Name) {
			v.AnyOf = append(v.AnyOf, b.params(i.Name+"."))
		}
		s.Properties.Set(name, v)
		group, _, dotted := strings.Cut(name, ".")
		if _, known := paramInfo(prefix + group); dotted && !known {
			if _, done := s.Properties.Get(group); !done {
				s.Properties.Set(group, b.params(prefix+group+"."))
			}
		}
	}
	return s
}

func (b *schemaBuilder) param(i links.ParamInfo) *schema {
	v := scalar(quantityOf(i.Type))(b)
	if i.Type == links.TypeEnum {
		v = enum(i.OneOf...)(b)
	}
	v.Description = i.Doc
	if i.Default != "" {
		v.Default = i.Default
	}
	return v
}

// cellShape is a map of a cell: fixed keys, and the parameters of its
// protocol; of any, where a kind says which.
func cellShape(name string, fixed []field) shape {
	return func(b *schemaBuilder) *schema {
		return b.define(name, func() *schema {
			s := &schema{}
			all := b.object(without(fixed, "protocol"))
			for _, p := range b.reg.protocolNames() {
				proto := b.reg.protocol(p)
				one := b.object(fixed)
				one.Properties.Set("protocol", &schema{Const: p, Description: proto.Doc})
				one.Required = append(one.Required, "protocol")
				for i := range proto.params {
					x := &proto.params[i]
					one.Properties.Set(x.name, b.cellParam(p, x))
					all.Properties.Set(x.name, b.anyParam(x.name))
				}
				s.AnyOf = append(s.AnyOf, one)
			}
			s.AnyOf = append(s.AnyOf, all)
			return s
		})
	}
}

func without(fields []field, key string) []field {
	return slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return f.key == key })
}

var protocolsShape shape = func(b *schemaBuilder) *schema {
	s := &schema{Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
	for _, name := range b.reg.protocolNames() {
		one := b.object(nil)
		for i := range b.reg.protocol(name).params {
			x := &b.reg.protocol(name).params[i]
			one.Properties.Set(x.name, b.cellParam(name, x))
		}
		s.Properties.Set(name, one)
	}
	return s
}

// cellParam is a protocol's parameter, which is written once.
func (b *schemaBuilder) cellParam(protocol string, x *param) *schema {
	return b.define(protocol+"."+x.name, func() *schema { return b.paramOnce(x) })
}

// anyParam is a parameter of any protocol that has one of the name.
func (b *schemaBuilder) anyParam(name string) *schema {
	return b.define("any."+name, func() *schema {
		s := &schema{}
		for _, p := range b.reg.protocolNames() {
			for i := range b.reg.protocol(p).params {
				if x := &b.reg.protocol(p).params[i]; x.name == name {
					s.AnyOf = append(s.AnyOf, b.cellParam(p, x))
				}
			}
		}
		return s
	})
}

func (b *schemaBuilder) paramOnce(x *param) *schema {
	v := anyOf(b.bounded(x), b.draw())
	if x.list {
		v.AnyOf = append(v.AnyOf, listShape(scalar(anyText))(b))
	}
	v.Description = x.doc
	if x.def != "" {
		v.Default = x.def
	}
	return v
}

// bounded is a parameter's plain value, with its words or bounds.
func (b *schemaBuilder) bounded(x *param) *schema {
	switch {
	case x.oneof != nil && !x.list:
		s := &schema{}
		for _, w := range x.oneof {
			s.Enum = append(s.Enum, w)
		}
		for _, w := range x.oneof { // 5 and true, as the editor sees what the loader reads as text
			if n, err := strconv.ParseInt(w, 10, 64); err == nil {
				s.Enum = append(s.Enum, n)
			} else if w == "true" || w == "false" {
				s.Enum = append(s.Enum, w == "true")
			}
		}
		return s
	case x.kind == count && (x.min != "" || x.max != ""):
		n := &schema{Type: "integer", Minimum: json.Number(x.min), Maximum: json.Number(x.max)}
		if x.min == "" {
			n.Minimum = "0"
		}
		return anyOf(n, pattern(`^-?[0-9]+$`))
	}
	return scalar(x.kind)(b)
}

// timelineShape is an entry. A key that is no key of entries is the name of a
// cell, with a command: which names are cells, only the loader knows.
func timelineShape(b *schemaBuilder) *schema {
	return b.define("entry", func() *schema {
		s := b.object(entryFields)
		b.doing(s)
		s.Properties.Set("do", &schema{
			Type: "array", MinItems: ptr(1), Description: "several actions at once",
			Items: b.define("act", func() *schema {
				act := b.object(nil)
				b.doing(act)
				act.MinProperties = ptr(1)
				return act
			}),
		})
		s.MinProperties = ptr(2)
		for _, t := range []string{"at", "every", "when"} {
			s.OneOf = append(s.OneOf, &schema{Required: []string{t}})
		}
		return s
	})
}

// doing adds what an entry can do.
func (b *schemaBuilder) doing(s *schema) {
	for _, a := range actions {
		b.add(s, []field{a.field})
	}
	b.add(s, []field{
		{"for", "how long: then it is undone", false, scalar(span)},
		{"cell", "whose command", false, nameShape},
	})
	s.AdditionalProperties = commandShape(b)
	s.PropertyNames = pattern(nameRule.String())
}

func changesShape(b *schemaBuilder) *schema {
	one := b.object(nil)
	for _, a := range actions {
		if a.change {
			b.add(one, []field{a.field})
		}
	}
	one.MinProperties, one.MaxProperties = ptr(1), ptr(1)
	return &schema{Type: "array", Items: one, MinItems: ptr(1)}
}

func expectShape(b *schemaBuilder) *schema {
	return b.define("expectation", func() *schema {
		s := b.object(expectFields)
		for _, m := range modes[1:] {
			s.OneOf = append(s.OneOf, &schema{Required: []string{m}})
		}
		return s
	})
}
