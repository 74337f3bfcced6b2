package scenarios

import "sync"

// shipped is a registry of what dsim ships and nothing else.
var shipped = sync.OnceValue(func() *Registry {
	r := NewRegistry()
	register(r)
	return r
})

// Shipped reports whether the protocols and properties of a scenario are those
// that dsim ships, so that its command can run it.
func (s *Scenario) Shipped() bool {
	r := shipped()
	for _, c := range s.Initial {
		if _, ok := r.protocols[c.Cell.Protocol]; c.Cell.Protocol != "" && !ok {
			return false
		}
	}
	for i := range s.Expect {
		if _, ok := r.properties[s.Expect[i].Property]; s.Expect[i].Property != "" && !ok {
			return false
		}
	}
	return true
}
