package replay

import (
	"fmt"
	"sync"

	"example.com/dsim/des"
)

// ServedMax bounds the choices that are held in memory to be served.
const ServedMax = 1 << 24

// Served hands the choices of a trace to a run that repeats it, by their
// addresses. It may be asked from several goroutines, but what it gives
// depends on the order of questions only where one address has several values.
type Served struct {
	mu   sync.Mutex
	by   map[address]*served
	list []des.Choice
}

type address struct {
	what, where string
	n           uint64
}

type served struct {
	values []string
	asked  int
}

// Serve reads the choices of the trace.
func (t *Trace) Serve() (*Served, error) {
	var list []des.Choice
	for c, err := range t.Choices() {
		if err != nil {
			return nil, err
		}
		if len(list) >= ServedMax {
			return nil, t.errorf("more than %d choices: too many to serve", ServedMax)
		}
		list = append(list, *c)
	}
	return Serve(list), nil
}

// Serve hands out a list of choices, such as that of a repro.
func Serve(list []des.Choice) *Served {
	s := &Served{by: make(map[address]*served, len(list)), list: list}
	for _, c := range list {
		a := address{c.What, c.Where, c.N}
		if s.by[a] == nil {
			s.by[a] = &served{}
		}
		s.by[a].values = append(s.by[a].values, c.Value)
	}
	return s
}

// Lookup gives the value chosen at an address. Where several were chosen, as
// when one frame meets two faults, each question gives the next, and the last
// one from then on.
func (s *Served) Lookup(what, where string, n uint64) (value string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.by[address{what, where, n}]
	if v == nil {
		return "", false
	}
	value = v.values[min(v.asked, len(v.values)-1)]
	v.asked++
	return value, true
}

// All gives every value chosen at an address, in order, and counts them as
// asked for.
func (s *Served) All(what, where string, n uint64) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.by[address{what, where, n}]
	if v == nil {
		return nil
	}
	v.asked = len(v.values)
	return v.values
}

// Len is the number of choices.
func (s *Served) Len() int { return len(s.list) }

// Unused are the choices nobody asked for, in the order they were made: names
// and occurrences that the run no longer has.
func (s *Served) Unused() []des.Choice {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []des.Choice
	seen := map[address]int{}
	for _, c := range s.list {
		a := address{c.What, c.Where, c.N}
		if seen[a] >= s.by[a].asked {
			out = append(out, c)
		}
		seen[a]++
	}
	return out
}

// ChoiceText is a choice in words: `verdict ab> #17: loss`.
func ChoiceText(c *des.Choice) string {
	return fmt.Sprintf("%s %s #%d: %s", c.What, c.Where, c.N, c.Value)
}
