package des

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"example.com/dsim/des/suggest"
)

// Bounds on what ParseSampler reads.
const (
	samplerBytesMax = 1 << 16
	samplerDepthMax = 8
)

// A shape is a distribution as people write it.
type shape struct {
	name    string
	example string
	parse   func(p *samplerParser, args []string) (Sampler, error)
}

var shapes []shape

func init() { // not where it is declared: bimodal parses samplers
	shapes = []shape{
		{"uniform", "uniform(1ms, 5ms)", (*samplerParser).uniform},
		{"exponential", "exponential(10ms)", (*samplerParser).exponential},
		{"normal", "normal(10ms, 2ms)", (*samplerParser).normal},
		{"pareto", "pareto(1ms, 1.5) or pareto(1ms, 1.5, 10s)", (*samplerParser).pareto},
		{"bimodal", "bimodal(10%: 100ms, 1ms)", (*samplerParser).bimodal},
		{"empirical", "empirical(1ms: 50%, 5ms: 30%, 20ms: 20%)", (*samplerParser).empirical},
	}
}

// ParseSampler reads a distribution. A plain value is always itself; the others
// are
//
//	uniform(1ms, 5ms)                          both included; also uniform(1ms..5ms)
//	exponential(10ms)                          the mean
//	normal(10ms, 2ms)                          mean and standard deviation
//	pareto(1ms, 1.5)                           scale and shape; a third is the maximum
//	bimodal(10%: 100ms, 1ms)                   the two may be distributions themselves
//	empirical(1ms: 50%, 5ms: 30%, 20ms: 20%)   probabilities, or counts
//
// Values are read by unit, as whole numbers if it is nil. What is printed keeps
// the values as they were written.
func ParseSampler(s string, unit func(string) (int64, error)) (Sampler, error) {
	if len(s) > samplerBytesMax {
		return nil, fmt.Errorf("%s: a distribution is at most %d bytes long", quote(s), samplerBytesMax)
	}
	p := samplerParser{unit: unit}
	r, err := p.sampler(s)
	var plain *valueError
	if errors.As(err, &plain) && plain.text == strings.TrimSpace(s) {
		return nil, fmt.Errorf("%w, or a distribution such as uniform(1ms, 5ms)", plain.err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quote(s), err)
	}
	return r, nil
}

type samplerParser struct {
	unit  func(string) (int64, error)
	depth int
}

// valueError is what the unit says about a value.
type valueError struct {
	text string
	err  error
}

func (e *valueError) Error() string { return e.err.Error() }
func (e *valueError) Unwrap() error { return e.err }

// value reads one value and gives its text for printing.
func (p *samplerParser) value(s string) (int64, string, error) {
	s = strings.TrimSpace(s)
	if p.unit == nil {
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, "", &valueError{s, fmt.Errorf("%s: want a whole number", quote(s))}
		}
		return v, integer(v), nil
	}
	v, err := p.unit(s)
	if err != nil {
		return 0, "", &valueError{s, err}
	}
	return v, s, nil
}

func (p *samplerParser) sampler(s string) (Sampler, error) {
	s = strings.TrimSpace(s)
	name, rest, called := strings.Cut(s, "(")
	if !called {
		v, text, err := p.value(s)
		if err != nil {
			if k := nearestShape(s); k != nil {
				return nil, fmt.Errorf("%s is written %s", k.name, k.example)
			}
			return nil, err
		}
		return constant{v, text}, nil
	}
	name = strings.TrimSpace(name)
	inner, closed := strings.CutSuffix(rest, ")")
	if !closed {
		return nil, fmt.Errorf("%s( is not closed", name)
	}
	for _, k := range shapes {
		if k.name != name {
			continue
		}
		if p.depth == samplerDepthMax {
			return nil, fmt.Errorf("distributions within distributions: at most %d deep", samplerDepthMax)
		}
		args, ok := splitArgs(inner)
		if !ok {
			return nil, fmt.Errorf("the parentheses of %s do not match", name)
		}
		p.depth++
		r, err := k.parse(p, args)
		p.depth--
		if errors.Is(err, errArgs) {
			return nil, fmt.Errorf("%s is written %s", k.name, k.example)
		}
		return r, err
	}
	if k := nearestShape(name); k != nil {
		return nil, fmt.Errorf("no distribution %s, did you mean %q?", quote(name), k.name)
	}
	var names []string
	for _, k := range shapes {
		names = append(names, k.name)
	}
	return nil, fmt.Errorf("no distribution %s; there are %s", quote(name), strings.Join(names, ", "))
}

// errArgs says that the arguments are not what the distribution takes.
var errArgs = errors.New("wrong arguments")

func (p *samplerParser) uniform(args []string) (Sampler, error) {
	if len(args) == 1 {
		lo, hi, ok := strings.Cut(args[0], "..")
		if !ok {
			return nil, errArgs
		}
		args = []string{lo, hi}
	}
	v, texts, err := p.values(args, 2)
	switch {
	case err != nil:
		return nil, err
	case v[1] < v[0]:
		return nil, fmt.Errorf("uniform: the upper bound %s is below the lower, %s", texts[1], texts[0])
	}
	return uniform{v[0], v[1], call("uniform", texts...)}, nil
}

func (p *samplerParser) exponential(args []string) (Sampler, error) {
	v, texts, err := p.values(args, 1)
	switch {
	case err != nil:
		return nil, err
	case v[0] < 0:
		return nil, fmt.Errorf("exponential: the mean %s is below 0", texts[0])
	}
	return exponential{v[0], call("exponential", texts...)}, nil
}

func (p *samplerParser) normal(args []string) (Sampler, error) {
	v, texts, err := p.values(args, 2)
	switch {
	case err != nil:
		return nil, err
	case v[1] < 0:
		return nil, fmt.Errorf("normal: the deviation %s is below 0", texts[1])
	}
	return normal{v[0], v[1], call("normal", texts...)}, nil
}

func (p *samplerParser) pareto(args []string) (Sampler, error) {
	if len(args) < 2 {
		return nil, errArgs
	}
	values := []string{args[0]}
	if len(args) > 2 {
		values = append(values, args[2:]...)
	}
	v, texts, err := p.values(values, len(args)-1)
	if err != nil {
		return nil, err
	}
	if len(args) > 3 {
		return nil, errArgs
	}
	text := strings.TrimSpace(args[1])
	a, err := parseFraction(text)
	if err != nil || a.IsZero() {
		return nil, fmt.Errorf("pareto: shape %s: want a number above 0, such as 1.5", quote(text))
	}
	most := int64(0)
	words := []string{texts[0], shapeText(a)}
	if len(v) == 2 {
		most = v[1]
		words = append(words, texts[1])
		if most < v[0] || most == 0 {
			return nil, fmt.Errorf("pareto: the maximum %s is below the scale, %s, or 0", texts[1], texts[0])
		}
	}
	if v[0] < 0 {
		return nil, fmt.Errorf("pareto: the scale %s is below 0", texts[0])
	}
	return newPareto(v[0], a, most, call("pareto", words...)), nil
}

func (p *samplerParser) bimodal(args []string) (Sampler, error) {
	if len(args) != 2 {
		return nil, errArgs
	}
	part, first, ok := strings.Cut(args[0], ":")
	if !ok {
		return nil, errArgs
	}
	r, err := ParseRatio(strings.TrimSpace(part))
	if err != nil {
		return nil, fmt.Errorf("bimodal: %w", err)
	}
	a, err := p.sampler(first)
	if err != nil {
		return nil, err
	}
	b, err := p.sampler(args[1])
	if err != nil {
		return nil, err
	}
	return newBimodal(r, a, b), nil
}

func (p *samplerParser) empirical(args []string) (Sampler, error) {
	table := make([]Weighted, len(args))
	texts := make([]string, len(args))
	weights := make([]string, len(args))
	for i, arg := range args {
		colon := strings.LastIndexByte(arg, ':')
		if colon < 0 {
			return nil, errArgs
		}
		var err error
		if table[i].Value, texts[i], err = p.value(arg[:colon]); err != nil {
			return nil, err
		}
		weights[i] = strings.TrimSpace(arg[colon+1:])
	}
	if err := parseWeights(table, weights); err != nil {
		return nil, fmt.Errorf("empirical: %w", err)
	}
	s, err := newEmpirical(table, texts)
	if err != nil {
		return nil, fmt.Errorf("empirical: %w", err)
	}
	return s, nil
}

// parseWeights reads counts, if all weights are whole numbers, or probabilities
// that sum to 1 exactly.
func parseWeights(table []Weighted, weights []string) error {
	counts := true
	for i, w := range weights {
		n, err := strconv.ParseUint(w, 10, 64)
		table[i].Weight = n
		counts = counts && err == nil
	}
	if counts {
		return nil
	}
	parts := make([]Ratio, len(weights))
	den := uint64(1) // common to all
	for i, w := range weights {
		p, err := ParseRatio(w)
		if err != nil {
			return err
		}
		parts[i] = p
		if p.IsZero() {
			continue
		}
		hi, lo := bits.Mul64(den, p.Den/divisor(den, p.Den))
		if hi != 0 {
			return errors.New("the weights are too fine to be summed exactly")
		}
		den = lo
	}
	var sum, carry uint64
	for i, p := range parts {
		table[i].Weight = 0
		if !p.IsZero() {
			table[i].Weight = p.Num * (den / p.Den)
		}
		if sum, carry = bits.Add64(sum, table[i].Weight, 0); carry != 0 {
			return errors.New("the weights sum to more than 100%")
		}
	}
	switch {
	case sum > den:
		return errors.New("the weights sum to more than 100%")
	case sum < den:
		return fmt.Errorf("the weights sum to %s, want 100%%", Ratio{sum, den})
	}
	return nil
}

// values reads n values.
func (p *samplerParser) values(args []string, n int) ([]int64, []string, error) {
	if len(args) != n {
		return nil, nil, errArgs
	}
	v, texts := make([]int64, n), make([]string, n)
	for i, arg := range args {
		if strings.TrimSpace(arg) == "" {
			return nil, nil, errArgs
		}
		var err error
		if v[i], texts[i], err = p.value(arg); err != nil {
			return nil, nil, err
		}
	}
	return v, texts, nil
}

// splitArgs cuts at the commas that are in no parentheses.
func splitArgs(s string) ([]string, bool) {
	var args []string
	depth, from := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return nil, false
			}
		case ',':
			if depth == 0 {
				args = append(args, s[from:i])
				from = i + 1
			}
		}
	}
	return append(args, s[from:]), depth == 0
}

// shapeText prints the shape of a Pareto distribution.
func shapeText(a Ratio) string {
	a = a.lowest()
	if digits, exponent, ok := a.decimal(); ok {
		return placed(strconv.FormatUint(digits, 10), exponent)
	}
	return strconv.FormatUint(a.Num, 10) + "/" + strconv.FormatUint(a.Den, 10)
}

// nearestShape is the distribution that was probably meant: what a name begins,
// or is close to.
func nearestShape(name string) *shape {
	name = strings.ToLower(name)
	var names []string
	for i := range shapes {
		if len(name) >= 3 && strings.HasPrefix(shapes[i].name, name) {
			return &shapes[i]
		}
		names = append(names, shapes[i].name)
	}
	near, ok := suggest.Nearest(name, names)
	if !ok {
		return nil
	}
	return &shapes[slices.Index(names, near)]
}
