package des

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestVectors holds the generator to its published vectors. All but the samples
// were computed by a program of its own, in another language, from the
// descriptions in this package.
func TestVectors(t *testing.T) {
	f, err := os.Open("testdata/rng-v1.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	held := make(map[string]int)
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		question, want, ok := strings.Cut(line, " = ")
		if !ok {
			t.Fatalf("line %d: no result", n)
		}
		words := strings.Fields(question)
		v := vector{t, n, words[1:]}
		if got := v.answer(words[0], len(strings.Fields(want))); got != want {
			t.Errorf("line %d: %s = %s, want %s", n, question, got, want)
		}
		held[words[0]]++
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	for kind, n := range map[string]int{
		"philox": 4, "stream": 14, "word": 3, "at": 11, "hash": 7, "n": 6, "threshold": 9, "gap": 18, "survive": 18, "sample": 90,
	} {
		if held[kind] != n {
			t.Errorf("%d vectors of kind %s, want %d", held[kind], kind, n)
		}
	}
}

// vector is a line of the file: the arguments that are left of it.
type vector struct {
	t    *testing.T
	line int
	args []string
}

// answer computes what the line says; results is how many words it says.
func (v *vector) answer(kind string, results int) string {
	switch kind {
	case "philox":
		w := make([]uint32, 6)
		for i := range w {
			w[i] = uint32(v.word())
		}
		a, b, c, d := philox(w[0], w[1], w[2], w[3], w[4], w[5])
		return fmt.Sprintf("%08x %08x %08x %08x", a, b, c, d)
	case "stream":
		r := v.rand()
		out := make([]string, results)
		for i := range out {
			out[i] = fmt.Sprintf("%016x", r.Uint64())
		}
		return strings.Join(out, " ")
	case "word":
		r := v.rand()
		for range v.number() {
			r.Uint64()
		}
		return fmt.Sprintf("%016x", r.Uint64())
	case "at":
		r := v.rand()
		n := v.number()
		return fmt.Sprintf("%016x", r.At(n, uint32(v.number())))
	case "hash":
		s := v.seed()
		for i, p := range v.args {
			if p == "-" {
				v.args[i] = ""
			}
		}
		return fmt.Sprintf("%016x", s.Hash(v.args...))
	case "n":
		r := Rand{drawn: 1, spare: v.word()}
		return strconv.FormatUint(r.N(v.number()), 10)
	case "threshold":
		x, _ := v.ratio().Threshold()
		return fmt.Sprintf("%016x", x)
	case "gap":
		g := NewGeometric(v.ratio())
		return strconv.FormatUint(g.Gap(v.word()), 10)
	case "survive":
		g := NewGeometric(v.ratio())
		return fmt.Sprintf("%016x", g.Survive(v.number()))
	case "sample":
		s, err := ParseSampler(v.next(), nil)
		v.check(err)
		return strconv.FormatInt(s.Sample(v.word()), 10)
	}
	v.t.Fatalf("line %d: no kind %q", v.line, kind)
	return ""
}

func (v *vector) next() string {
	if len(v.args) == 0 {
		v.t.Fatalf("line %d: too few arguments", v.line)
	}
	s := v.args[0]
	v.args = v.args[1:]
	return s
}

func (v *vector) check(err error) {
	if err != nil {
		v.t.Fatalf("line %d: %v", v.line, err)
	}
}

func (v *vector) word() uint64 {
	x, err := strconv.ParseUint(v.next(), 16, 64)
	v.check(err)
	return x
}

func (v *vector) number() uint64 {
	x, err := strconv.ParseUint(v.next(), 10, 64)
	v.check(err)
	return x
}

func (v *vector) name() string { return strings.TrimPrefix(v.next(), "-") }

func (v *vector) seed() Seed {
	s, err := ParseSeed(v.next())
	v.check(err)
	return s
}

func (v *vector) ratio() Ratio {
	p, err := ParseRatio(v.next())
	v.check(err)
	return p
}

func (v *vector) rand() Rand {
	s := v.seed()
	entity := v.name()
	incarnation := v.number()
	return s.Rand(entity, uint32(incarnation), v.name())
}
