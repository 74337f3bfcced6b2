package scenarios

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/scenarios/internal/yamlx"
)

// Source is the text of a scenario: YAML without errors of its own, not yet
// understood. It may be built for any number of seeds, at the same time.
type Source struct {
	File string // the name errors speak of
	Text []byte
	Hash [sha256.Size]byte // of Text
	root *yamlx.Node
}

// Load reads a scenario file. Errors speak of the last element of path, so
// that they do not depend on where the file is.
func Load(path string) (*Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	defer f.Close() // it was only read
	text := make([]byte, 0, 4096)
	for len(text) <= yamlx.SizeMax {
		if len(text) == cap(text) {
			text = append(text, 0)[:len(text)]
		}
		n, err := f.Read(text[len(text):min(cap(text), yamlx.SizeMax+1)])
		text = text[:len(text)+n]
		if err != nil || n == 0 {
			break
		}
	}
	return Parse(filepath.Base(path), text)
}

// Parse reads the text of a scenario; name stands in errors, which are
// *[Errors].
func Parse(name string, text []byte) (*Source, error) {
	root, errs := yamlx.Parse(name, text)
	if len(errs) > 0 {
		l := errorList{list: errs}
		return nil, l.err()
	}
	return &Source{File: name, Text: text, Hash: sha256.Sum256(text), root: root}, nil
}

// Seed is the seed the file asks for where nobody asks for another; false if
// it does not.
func (s *Source) Seed() (des.Seed, bool) {
	n := s.root.Get("seed")
	if n == nil || n.Kind != yamlx.Scalar {
		return des.Seed{}, false
	}
	seed, err := des.ParseSeed(n.Text)
	return seed, err == nil
}

// BuildOptions say for what a scenario is built.
type BuildOptions struct {
	Seed des.Seed
	// Set are overrides, "path=value": links.ab.loss=5%, run.until=10s,
	// timeline[0].at=2s, cells.alice.messages={uniform: [1, 9]}.
	Set []string
	// Served are the values of drawn options, by path: they are taken instead
	// of drawing. One that does not fit is an error that wraps ErrServed.
	Served map[string]string
	// Registry knows protocols and properties; nil for the Default.
	Registry *Registry
}

// Build understands the scenario, for one seed. An error in the scenario is an
// *[Errors].
func (s *Source) Build(opt BuildOptions) (sc *Scenario, err error) {
	if opt.Registry == nil {
		opt.Registry = Default
	}
	d := newDecoder(opt)
	defer func() {
		switch r := recover().(type) {
		case nil:
		case tooMany:
			sc, err = nil, d.errs.err()
		default:
			panic(r)
		}
	}()
	root := s.root
	if len(opt.Set) > 0 {
		root = root.Clone()
		for _, set := range opt.Set {
			d.override(root, set)
		}
		if err := d.errs.err(); err != nil {
			return nil, err
		}
	}
	sc = &Scenario{File: s.File, Text: s.Text, Set: opt.Set, Seed: opt.Seed}
	d.scenario(root, sc)
	if err := d.errs.err(); err != nil {
		if len(opt.Served) > 0 && s.soundWithout(opt) {
			return nil, fmt.Errorf("%w: %w", ErrServed, err)
		}
		return nil, err
	}
	if err := d.checkServed(); err != nil {
		return nil, err
	}
	sc.Short = len(opt.Set) > 0 && sc.Run.Until < s.until()
	sc.Options = d.drawn()
	sc.scope = d.scope
	return sc, nil
}

// until is the end of the run as the file says it; 0 if it does not, or has it
// drawn.
func (s *Source) until() clock.Time {
	n := s.root.Get("run").Get("until")
	if n == nil || n.Kind != yamlx.Scalar {
		return 0
	}
	d, err := des.ParseDuration(n.Text)
	if err != nil {
		return 0
	}
	return clock.Time(d)
}

// soundWithout reports whether the scenario can be built if nothing is served.
func (s *Source) soundWithout(opt BuildOptions) bool {
	opt.Served = nil
	_, err := s.Build(opt)
	return err == nil
}

// Source is the source itself, so that a Builder and a Source can stand for
// each other.
func (s *Source) Source() (*Source, error) { return s, nil }
