package scenarios

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"example.com/dsim/des"
	"example.com/dsim/des/suggest"
	"example.com/dsim/scenarios/internal/yamlx"
)

// distribution is a way to draw a value: {uniform: [1ms, 5ms]}.
type distribution struct {
	word, example string
	draw          func(*drawing) (string, error)
}

var distributions []distribution

func init() { // not where it is declared: the functions refer to it
	distributions = []distribution{
		{"uniform", "{uniform: [1ms, 5ms]}", (*drawing).uniform},
		{"choose", "{choose: [1ms, 10ms, 100ms]}", (*drawing).choose},
		{"weighted", "{weighted: {1ms: 3, 10ms: 1}}", (*drawing).weighted},
		{"exponential", "{exponential: 10ms}", (*drawing).exponential},
		{"normal", "{normal: [10ms, 2ms]}", (*drawing).normal},
	}
}

// distributionOf is the distribution that stands for a value, nil if n is none.
func distributionOf(n *yamlx.Node) *distribution {
	if n == nil || n.Kind != yamlx.Map || len(n.Pairs) != 1 {
		return nil
	}
	i := slices.IndexFunc(distributions, func(x distribution) bool { return x.word == n.Pairs[0].Key.Text })
	if i < 0 {
		return nil
	}
	return &distributions[i]
}

// drawing is one draw.
type drawing struct {
	kind quantity // anyText: by what the operands look like
	n    *yamlx.Node
	rand des.Rand
	from string // for people
}

// maxChoices bounds what can be chosen between.
const maxChoices = 1000

// draw gives the value of an option: drawn by its path, so that no other draw
// moves it, or served. The same path again gives the same value.
func (d *decoder) draw(n *yamlx.Node, path string, kind quantity) (string, bool) {
	if o, again := d.options[path]; again {
		return o.Value, true
	}
	dist := distributionOf(n)
	g := drawing{kind: kind, n: n.Pairs[0].Value, rand: d.seed.Rand("option", 0, path)}
	value, err := dist.draw(&g)
	if err != nil {
		d.errorf(n.Pairs[0].Value, "%s: %v, as in %s", dist.word, err, dist.example)
		return "", false
	}
	if served, ok := d.served[path]; ok {
		value = served
	}
	d.options[path] = Option{Path: path, Value: value, From: dist.word + " " + g.from}
	return value, true
}

// drawn lists the options in the order of paths.
func (d *decoder) drawn() []Option {
	var list []Option
	for _, o := range d.options {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b Option) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// checkServed refuses served values that nothing asked for.
func (d *decoder) checkServed() error {
	var left []string
	for path := range d.served {
		if _, ok := d.options[path]; !ok {
			left = append(left, path)
		}
	}
	if len(left) == 0 {
		return nil
	}
	slices.Sort(left)
	var paths []string
	for _, o := range d.drawn() {
		paths = append(paths, o.Path)
	}
	return fmt.Errorf("%w: the scenario draws no %s%s", ErrServed, suggest.Quoted(left[0]), suggest.Hint(left[0], paths))
}

// scalars are the operands of a list of n plain values, or of any number of
// them if n is 0.
func (g *drawing) scalars(n int) ([]string, error) {
	if g.n.Kind != yamlx.List || n > 0 && len(g.n.Items) != n || len(g.n.Items) == 0 || len(g.n.Items) > maxChoices {
		if n > 0 {
			return nil, fmt.Errorf("wants a list of %d values", n)
		}
		return nil, fmt.Errorf("wants a list of 1 to %d values", maxChoices)
	}
	var texts []string
	for _, item := range g.n.Items {
		if item.Kind != yamlx.Scalar || item.IsNull() {
			return nil, fmt.Errorf("wants plain values, not %s", item.Kind)
		}
		texts = append(texts, item.Text)
	}
	return texts, nil
}

// numbers reads operands as quantities of one kind.
func (g *drawing) numbers(texts ...string) ([]int64, error) {
	kinds := []quantity{g.kind}
	if g.kind == anyText || g.kind == truth {
		kinds = []quantity{count, span, rate, size, drift, ratio}
	}
	var first error
	for _, k := range kinds {
		var out []int64
		var err error
		for _, t := range texts {
			var n int64
			if n, err = k.parse(t); err != nil {
				break
			}
			out = append(out, n)
		}
		if err == nil {
			g.kind = k
			return out, nil
		}
		if first == nil {
			first = err
		}
	}
	if len(kinds) > 1 {
		first = fmt.Errorf("%s: want numbers of one unit", strings.Join(texts, ", "))
	}
	return nil, first
}

// uniformSteps is the number of steps in which a probability is drawn, so that
// it can be printed short.
const uniformSteps = 10_000

func (g *drawing) uniform() (string, error) {
	texts, err := g.scalars(2)
	if err != nil {
		return "", err
	}
	g.from = texts[0] + ".." + texts[1]
	ends, err := g.numbers(texts...)
	if err != nil {
		return "", err
	}
	lo, hi := ends[0], ends[1]
	if hi < lo {
		return "", fmt.Errorf("the second value is less than the first: wants [least, most]")
	}
	if g.kind != ratio {
		return g.kind.format(g.rand.Int64(lo, hi)), nil
	}
	k := uint64(g.rand.Int64(0, uniformSteps))
	h, l := bits.Mul64(uint64(hi-lo), k)
	part, _ := bits.Div64(h, l, uniformSteps)
	return g.kind.format(lo + int64(part)), nil
}

func (g *drawing) choose() (string, error) {
	texts, err := g.scalars(0)
	if err != nil {
		return "", err
	}
	g.from = strings.Join(texts, " | ")
	return texts[g.rand.N(uint64(len(texts)))], nil
}

func (g *drawing) weighted() (string, error) {
	if g.n.Kind != yamlx.Map || len(g.n.Pairs) == 0 || len(g.n.Pairs) > maxChoices {
		return "", fmt.Errorf("wants a map of 1 to %d values with their weights", maxChoices)
	}
	const weightMax = 1 << 32
	var sum uint64
	var from []string
	weights := make([]uint64, len(g.n.Pairs))
	for i, p := range g.n.Pairs {
		w, err := parseCount(p.Value.Text)
		if p.Value.Kind != yamlx.Scalar || err != nil || w < 0 || w > weightMax {
			return "", fmt.Errorf("the weight of %s must be a whole number up to %d", suggest.Quoted(p.Key.Text), uint64(weightMax))
		}
		weights[i] = uint64(w)
		sum += uint64(w)
		from = append(from, p.Key.Text+": "+p.Value.Text)
	}
	if sum == 0 {
		return "", fmt.Errorf("all weights are 0")
	}
	g.from = strings.Join(from, " | ")
	at := g.rand.N(sum)
	for i, w := range weights {
		if at < w {
			return g.n.Pairs[i].Key.Text, nil
		}
		at -= w
	}
	panic("scenarios: weights do not add up")
}

func (g *drawing) exponential() (string, error) {
	if g.n.Kind != yamlx.Scalar {
		return "", fmt.Errorf("wants the mean")
	}
	g.from = g.n.Text
	mean, err := g.numbers(g.n.Text)
	if err != nil {
		return "", err
	}
	if mean[0] < 0 {
		return "", fmt.Errorf("the mean is negative")
	}
	return g.sample(des.Exponential(mean[0])), nil
}

func (g *drawing) normal() (string, error) {
	texts, err := g.scalars(2)
	if err != nil {
		return "", err
	}
	g.from = strings.Join(texts, " ± ")
	x, err := g.numbers(texts...)
	if err != nil {
		return "", err
	}
	if x[1] < 0 {
		return "", fmt.Errorf("the deviation is negative")
	}
	return g.sample(des.Normal(x[0], x[1])), nil
}

// sample draws from a sampler; what must not be negative is cut off at 0, and
// probabilities at 1.
func (g *drawing) sample(s des.Sampler) string {
	most := int64(math.MaxInt64)
	if g.kind == ratio {
		most = ratioUnit
	}
	n := g.rand.Sample(s)
	if g.kind != drift {
		n = max(n, 0)
	}
	return g.kind.format(min(n, most))
}
