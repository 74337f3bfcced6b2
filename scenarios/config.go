package scenarios

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/des/suggest"
)

// param is a parameter of a protocol, read off the tags of a field of its
// Config.
type param struct {
	name, doc string
	def       string
	oneof     []string
	min, max  string
	required  bool
	list      bool // a list of words
	kind      quantity
	field     int
}

// cellKeys are the keys of a cell that are not parameters of its protocol.
var cellKeys = []string{"protocol", "kind", "ports", "clock", "count", "name", "extends"}

var configTypes = map[reflect.Type]quantity{
	reflect.TypeFor[int]():           count,
	reflect.TypeFor[int64]():         count,
	reflect.TypeFor[uint64]():        count,
	reflect.TypeFor[bool]():          truth,
	reflect.TypeFor[string]():        anyText,
	reflect.TypeFor[[]string]():      anyText,
	reflect.TypeFor[time.Duration](): span,
	reflect.TypeFor[clock.Drift]():   drift,
	reflect.TypeFor[des.Ratio]():     ratio,
	reflect.TypeFor[des.Sampler]():   spread,
}

// configParams reads the parameters off a Config.
func configParams(cfg any) ([]param, error) {
	v := reflect.ValueOf(cfg)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("Config gives a %T, want a pointer to a struct", cfg)
	}
	t := v.Elem().Type()
	var params []param
	for i := range t.NumField() {
		f := t.Field(i)
		name, tagged := f.Tag.Lookup("dsim")
		if !tagged {
			continue
		}
		kind, known := configTypes[f.Type]
		if slices.Contains(cellKeys, name) {
			return nil, fmt.Errorf("field %s: %q means something else in every cell", f.Name, name)
		}
		if !known || !f.IsExported() || !nameRule.MatchString(name) {
			return nil, fmt.Errorf("field %s %s: not a parameter that scenarios can give", f.Name, f.Type)
		}
		x := param{
			name: name, doc: f.Tag.Get("doc"), def: f.Tag.Get("default"), min: f.Tag.Get("min"), max: f.Tag.Get("max"),
			required: f.Tag.Get("required") == "true", kind: kind, list: f.Type.Kind() == reflect.Slice, field: i,
		}
		if f.Tag.Get("unit") == "bytes" {
			x.kind = map[quantity]quantity{count: size, spread: amounts}[kind]
		}
		if words, ok := f.Tag.Lookup("oneof"); ok {
			x.oneof = strings.Split(words, ",")
		}
		if x.def != "" {
			if err := x.set(reflect.New(t).Elem(), x.def); err != nil {
				return nil, fmt.Errorf("default: %w", err)
			}
		}
		params = append(params, x)
	}
	return params, nil
}

// fillConfig sets defaults and then what was given.
func fillConfig(cfg any, params []param, given []cells.Param) error {
	for _, g := range given {
		if !slices.ContainsFunc(params, func(x param) bool { return x.name == g.Name }) {
			var names []string
			for _, x := range params {
				names = append(names, x.name)
			}
			return fmt.Errorf("no parameter %s%s", suggest.Quoted(g.Name), suggest.Hint(g.Name, names))
		}
	}
	if cfg == nil {
		return nil
	}
	v := reflect.ValueOf(cfg).Elem()
	for i := range params {
		x := &params[i]
		text, ok := x.def, x.def != ""
		for _, g := range given {
			if g.Name == x.name {
				text, ok = g.Value, true
			}
		}
		if !ok {
			if x.required {
				return fmt.Errorf("parameter %s is missing", x.name)
			}
			continue
		}
		if err := x.set(v, text); err != nil {
			return err
		}
	}
	return nil
}

// check says what is wrong with a text for the parameter.
func (x *param) check(cfg any, text string) error {
	return x.set(reflect.New(reflect.TypeOf(cfg).Elem()).Elem(), text)
}

// set puts a text into the parameter's field of v.
func (x *param) set(v reflect.Value, text string) error {
	f := v.Field(x.field)
	if x.list {
		var words []string
		if text != "" {
			words = strings.Split(text, ",")
		}
		for _, w := range words {
			if err := x.allow(w); err != nil {
				return err
			}
		}
		f.Set(reflect.ValueOf(words))
		return nil
	}
	if err := x.allow(text); err != nil {
		return err
	}
	if err := x.setScalar(f, text); err != nil {
		return fmt.Errorf("%s %w", x.name, err)
	}
	return nil
}

// allow says what is wrong with a word, of those that may be given.
func (x *param) allow(word string) error {
	if x.oneof != nil && !slices.Contains(x.oneof, word) {
		return fmt.Errorf("%s %s: not allowed%s", x.name, suggest.Quoted(word), suggest.Hint(word, x.oneof))
	}
	return nil
}

func (x *param) setScalar(f reflect.Value, text string) error {
	switch x.kind {
	case truth:
		if text != "true" && text != "false" {
			return fmt.Errorf("%s: want true or false", suggest.Quoted(text))
		}
		f.SetBool(text == "true")
	case anyText:
		f.SetString(text)
	case ratio:
		r, err := des.ParseRatio(text)
		if err != nil {
			return err
		}
		f.Set(reflect.ValueOf(r))
	case spread, amounts:
		unit := des.ParseDuration
		if x.kind == amounts {
			unit = sizeUnit
		}
		s, err := des.ParseSampler(text, unit)
		if err != nil {
			return err
		}
		f.Set(reflect.ValueOf(&s).Elem())
	default:
		n, err := x.number(text)
		if err != nil {
			return err
		}
		if f.Kind() == reflect.Uint64 {
			f.SetUint(uint64(n))
			return nil
		}
		if f.OverflowInt(n) {
			return fmt.Errorf("%s: out of range", suggest.Quoted(text))
		}
		f.SetInt(n)
	}
	return nil
}

// number reads a number within min and max; spans and unsigned numbers are not
// negative unless min says so.
func (x *param) number(text string) (int64, error) {
	n, err := x.kind.parse(text)
	if err != nil {
		return 0, err
	}
	for _, b := range []struct {
		text, word string
		sign       int64
	}{{x.min, "least", 1}, {x.max, "most", -1}} {
		if b.text == "" {
			if b.sign < 0 || x.kind == drift {
				continue
			}
			b.text = "0"
		}
		bound, err := x.kind.parse(b.text)
		if err != nil {
			return 0, err
		}
		if (n < bound) == (b.sign > 0) && n != bound {
			return 0, fmt.Errorf("%s: must be at %s %s", suggest.Quoted(text), b.word, b.text)
		}
	}
	return n, nil
}
