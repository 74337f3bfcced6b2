package systematic

import (
	"encoding/json"
	"fmt"
	"strings"

	"example.com/dsim/fuzz/repro"
)

// Certificate says what a search has covered.
type Certificate struct {
	Version  int      `json:"version"`
	Scenario string   `json:"scenario"`
	File     string   `json:"file"`
	SHA256   string   `json:"sha256"` // of the file
	Set      []string `json:"set,omitempty"`
	Seed     string   `json:"seed"`
	Cells    []string `json:"cells"`

	Method string   `json:"method"` // sleep sets, or brute force
	FIFO   bool     `json:"fifo"`   // frames of one direction keep their order
	Depth  int      `json:"depth"`  // steps chosen in each run
	Faults int      `json:"faults"` // at most, in each run
	Acts   []string `json:"fault_kinds"`
	Bits   []uint32 `json:"flipped_bits"`
	Most   uint64   `json:"executions_most,omitempty"`

	Executions uint64     `json:"executions"` // runs that were judged
	Classes    uint64     `json:"classes"`    // runs that differ
	Placements uint64     `json:"placements"` // of faults, none included
	Ended      uint64     `json:"ended"`      // executions in which nothing was left to choose before the depth
	Asleep     uint64     `json:"asleep"`     // steps left out, because they only reorder
	Probes     uint64     `json:"probes"`     // runs to see what can come next
	Verdicts   []*Verdict `json:"verdicts"`   // that can be reached, in the order of their texts

	Exhausted bool     `json:"exhausted"`     // all within the bounds was gone through
	Why       string   `json:"why,omitempty"` // it was not
	Left      []string `json:"not_covered"`
}

// Verdict is what some runs came to: pass, inconclusive, or the signature of a
// failure.
type Verdict struct {
	Verdict    string   `json:"verdict"`
	Executions uint64   `json:"executions"`
	Digest     string   `json:"digest"`  // of the first of them
	Choices    []Choice `json:"choices"` // what makes it: verdicts of links, all other frames arrive plainly

	world   repro.World
	outcome *repro.Outcome
}

// Choice is what a link did to a frame.
type Choice struct {
	Link    string `json:"link"`
	Frame   uint64 `json:"frame"`
	Verdict string `json:"verdict"`
}

// Failed reports whether a verdict is a failure.
func (v *Verdict) Failed() bool { return v.outcome != nil && len(v.outcome.Failures) > 0 }

// Keep makes the repro file of a failure; nil if the verdict is none.
func (v *Verdict) Keep(build string) *repro.File {
	if v.outcome == nil {
		return nil
	}
	for _, f := range v.outcome.Failures {
		if f.Signature.String() == v.Verdict {
			return repro.Keep(v.outcome, f, build)
		}
	}
	return nil
}

// Names are the verdicts' texts, in order.
func (c *Certificate) Names() (list []string) {
	for _, v := range c.Verdicts {
		list = append(list, v.Verdict)
	}
	return list
}

// notCovered stands in each certificate.
var notCovered = []string{
	"delays that change no order at the receiving cell",
	"which of two events of different cells comes first by the clock",
	"a second copy that does not follow right behind the first",
	"flips of bits that are not listed, and other draws of the protocols' own chance",
	"choices beyond the depth",
}

// JSON is the certificate as a file.
func (c *Certificate) JSON() []byte {
	whole := *c
	whole.Left = notCovered
	b, err := json.MarshalIndent(&whole, "", "  ")
	if err != nil {
		panic("systematic: " + err.Error()) // numbers and texts
	}
	return append(b, '\n')
}

// String is the certificate for people.
func (c *Certificate) String() string {
	var b strings.Builder
	end := "exhausted"
	if !c.Exhausted {
		end = "NOT exhausted: " + c.Why
	}
	fmt.Fprintf(&b, "%s, seed %s: %s\n", c.Scenario, c.Seed, end)
	order := "in any order"
	if c.FIFO {
		order = "in the order of their direction"
	}
	fmt.Fprintf(&b, "  by %s, %d cells, %d steps, at most %d faults of %s, frames %s\n", c.Method, len(c.Cells), c.Depth, c.Faults, strings.Join(c.Acts, ", "), order)
	fmt.Fprintf(&b, "  %d executions, %d different runs, %d placements of faults, %d steps asleep, %d probes\n", c.Executions, c.Classes, c.Placements, c.Asleep, c.Probes)
	for _, v := range c.Verdicts {
		fmt.Fprintf(&b, "  %d times %s\n", v.Executions, v.Verdict)
		for _, x := range v.Choices {
			fmt.Fprintf(&b, "    %s frame %d: %s\n", x.Link, x.Frame, x.Verdict)
		}
	}
	fmt.Fprintf(&b, "  not covered: %s\n", strings.Join(notCovered, "; "))
	return b.String()
}
