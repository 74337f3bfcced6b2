package switchyard

import (
	"fmt"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
)

// Lookup asks who has a name, again and again until somebody has, over
// reconnects, or until Wait is over. The App hears of it by Found. Asking for a
// name that is looked up already changes nothing.
func (p *Endpoint) Lookup(e cells.Env, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if p.looking(name) >= 0 {
		return nil
	}
	if len(p.wanted) >= LookupsMax {
		return fmt.Errorf("lookup: %d names are looked up already", LookupsMax)
	}
	until := clock.Never
	if p.config.Wait > 0 {
		until = e.Now().Add(p.config.Wait)
	}
	p.wanted = append(p.wanted, lookup{name: name, until: until})
	if p.state == ready {
		p.lookAgain(e)
	}
	return nil
}

func (p *Endpoint) looking(name string) int {
	return slices.IndexFunc(p.wanted, func(w lookup) bool { return w.name == name })
}

// lookAgain asks for all names whose answer is not on its way.
func (p *Endpoint) lookAgain(e cells.Env) {
	for i := range p.wanted {
		if w := &p.wanted[i]; !w.asked {
			w.asked = true
			p.ask(e, question{asked: TypeEndpointLookup, name: w.name}, 0, 0, encode(lookupPayload{w.name}))
		}
	}
}

// found answers a look-up.
func (p *Endpoint) found(e cells.Env, name string, who Identity) {
	if _, mirrors := p.mirrored[name]; mirrors {
		p.mirrored[name] = who.Endpoint
	}
	if i := p.looking(name); i >= 0 {
		p.wanted = slices.Delete(p.wanted, i, i+1)
		p.app.Found(e, name, who, nil)
	}
}

// missing is the answer that nobody has the name.
func (p *Endpoint) missing(e cells.Env, name string) {
	delete(p.mirrored, name) // the next frame asks again
	i := p.looking(name)
	if i < 0 {
		return
	}
	w := &p.wanted[i]
	w.asked = false
	if e.Now() >= w.until {
		p.wanted = slices.Delete(p.wanted, i, i+1)
		p.app.Found(e, name, Identity{}, fmt.Errorf("%s%s", errNoEndpoint, name))
		return
	}
	e.Arm(timerLookup, p.config.Retry)
}
