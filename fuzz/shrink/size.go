package shrink

import (
	"bytes"
	"context"
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

// Size is how large a world is.
type Size struct {
	Cells   int        `json:"cells"`
	Links   int        `json:"links"`
	Faults  int        `json:"faults"`   // parameters that harm by chance, verdicts, and what the timeline breaks
	Entries int        `json:"entries"`  // of the timeline
	Choices int        `json:"choices"`  // verdicts by name
	Causes  int        `json:"causes"`   // events from one that comes from outside to the failure, each the cause of the next
	Events  uint64     `json:"events"`   // until the end
	Until   clock.Time `json:"until_ns"` // the end, as it is written
	Lines   int        `json:"lines"`    // of the scenario
}

// String is the size in words.
func (z Size) String() string {
	return fmt.Sprintf("%s, %s, %s, %s, %s", many(z.Cells, "cell"), many(z.Links, "link"), many(z.Faults, "fault"),
		many(z.Causes, "causal event"), many(z.Lines, "line"))
}

func many(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// size is measure with the causes of the failure, which take a run of their
// own.
func (s *shrinker) size(w repro.World, o *repro.Outcome, f *repro.Failed) (Size, error) {
	z, err := s.measure(w, o, f)
	if err != nil {
		return z, err
	}
	c := &chain{cause: make(map[des.Key]des.Key)}
	if _, err := w.Run(context.WithoutCancel(s.ctx), repro.Options{Registry: s.opt.Registry, Records: c}); err != nil {
		return z, err
	}
	s.runs++
	z.Causes = c.length(f.Failure.Key)
	return z, nil
}

// measure counts what a world is made of.
func (s *shrinker) measure(w repro.World, o *repro.Outcome, _ *repro.Failed) (Size, error) {
	sc, err := w.Scenario(s.opt.Registry)
	if err != nil {
		return Size{}, err
	}
	z := Size{Entries: len(sc.Timeline), Choices: len(w.Verdicts()), Events: o.Result.Events, Until: sc.Run.Until}
	z.Lines = bytes.Count(w.Text, []byte("\n"))
	z.Faults = z.Choices
	for i := range sc.Initial {
		c := &sc.Initial[i]
		if c.Op == cells.AddCell {
			z.Cells++
			continue
		}
		z.Links++
		if !w.Served {
			z.Faults += len(impairmentsOf(&c.Link))
		}
	}
	for i := range sc.Timeline {
		for j := range sc.Timeline[i].Steps {
			if a := &sc.Timeline[i]; a.Fault && !a.Stop && !a.Steps[j].Ends {
				z.Faults++
			}
		}
	}
	return z, nil
}

// impairmentsOf are the groups of parameters by which a link does harm.
func impairmentsOf(l *cells.LinkSpec) map[string]bool {
	found := make(map[string]bool)
	for i, side := range [][]cells.Param{l.Both, l.AB, l.BA} {
		for _, p := range side {
			for _, name := range impairing {
				if impairs(p) && !isZero(p.Value) && (p.Name == name || len(p.Name) > len(name) && p.Name[:len(name)+1] == name+".") {
					found[fmt.Sprint(i, name)] = true
				}
			}
		}
	}
	return found
}

// chain keeps what caused what.
type chain struct {
	cause map[des.Key]des.Key
}

// causesMax bounds what is kept of a run that is not small yet.
const causesMax = 1 << 20

// Record keeps the cause of an event.
func (c *chain) Record(r *des.Record) {
	if len(c.cause) < causesMax && !r.Key.IsZero() {
		if had, ok := c.cause[r.Key]; !ok || had.IsZero() {
			c.cause[r.Key] = r.Cause
		}
	}
}

// length is how many events led to one, itself included.
func (c *chain) length(k des.Key) (n int) {
	for !k.IsZero() {
		n++
		next := c.cause[k]
		if next.Compare(k) >= 0 {
			break
		}
		k = next
	}
	return n
}

// neighboursShown is how many neighbours files tell of.
const neighboursShown = 4

// Scenario is the world as a scenario file, with remarks that say what fails and
// what the file cannot say.
func (r *Result) Scenario() []byte {
	var b bytes.Buffer
	f := r.Failed.Failure
	fmt.Fprintf(&b, "# %s: %s\n# at %s.\n", f.Property, f.Text, f.Time)
	for _, n := range r.Neighbours[:min(len(r.Neighbours), neighboursShown)] {
		fmt.Fprintf(&b, "# %s\n", n)
	}
	if r.World.Served {
		b.WriteString("# It fails with these choices of chance, which only a repro can hold:\n")
		for _, c := range r.World.Verdicts() {
			fmt.Fprintf(&b, "#   %s\n", c)
		}
	}
	b.Write(r.World.Text)
	return b.Bytes()
}

// File is the world, kept.
func (r *Result) File(build string) *repro.File {
	f := &repro.File{World: r.World.Clone(), Signature: r.Signature, Digest: r.Digest, Build: build}
	f.Remarks = append(f.Remarks, r.Failed.Failure.Text)
	for _, n := range r.Neighbours[:min(len(r.Neighbours), neighboursShown)] {
		f.Remarks = append(f.Remarks, n.String())
	}
	return f
}

// unmeantText is the world's text without that it is meant to fail, and without
// its seed, which a repro says itself.
func (r *Result) unmeantText() ([]byte, error) {
	sc, err := r.World.Scenario(r.reg)
	if err != nil {
		return nil, err
	}
	sc.Fails, sc.Seed = "", des.Seed{}
	return scenarios.Encode(sc)
}
