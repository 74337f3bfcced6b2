package node

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des/suggest"
	"example.com/dsim/links"
)

// fault is what was injected into a link: parameters of what its end here sends,
// and what they were before.
type fault struct {
	kinds  map[string][]string // each with the parameters it has set
	before map[string]string   // of all of them
}

// The kinds of faults that are no parameters themselves. "link" takes any number
// of parameters at once.
const (
	faultDrop       = "drop"       // drop_rate, from 0 to 1
	faultDelay      = "delay"      // delay_ms
	faultDisconnect = "disconnect" //
	faultLink       = "link"       // parameters by name
)

// faultParams reads a fault as parameters of a link.
func faultParams(kind string, config map[string]any) ([]cells.Param, error) {
	one := func(key, param, unit string) ([]cells.Param, error) {
		v, given := config[key]
		text, ok := paramText(v)
		if !given || !ok || len(config) != 1 {
			return nil, fmt.Errorf("fault %s: want {%s: a number}", kind, key)
		}
		return []cells.Param{{Name: param, Value: text + unit}}, nil
	}
	var names []string
	for _, i := range links.ParamInfos() {
		names = append(names, i.Name)
	}
	switch _, ms := config["delay_ms"]; {
	case kind == faultDrop:
		return one("drop_rate", "loss", "")
	case kind == faultDelay && ms:
		return one("delay_ms", "delay", "ms")
	case kind == faultDisconnect:
		return []cells.Param{{Name: "cut", Value: "lost"}}, nil
	case kind == faultLink:
		var list []cells.Param
		for _, name := range slices.Sorted(maps.Keys(config)) {
			text, ok := paramText(config[name])
			if !ok || !slices.Contains(names, name) {
				return nil, fmt.Errorf("fault link: no parameter %s%s", suggest.Quoted(name), suggest.Hint(name, names))
			}
			list = append(list, cells.Param{Name: name, Value: text})
		}
		return list, nil
	case slices.Contains(names, kind):
		key := "value"
		if _, named := config[kind]; named {
			key = kind
		}
		return one(key, kind, "")
	}
	kinds := append([]string{faultDrop, faultDisconnect, faultLink}, names...)
	return nil, fmt.Errorf("no fault %s%s", suggest.Quoted(kind), suggest.Hint(kind, kinds))
}

// Inject makes a port send worse: drop {drop_rate}, delay {delay_ms}, disconnect,
// any parameter of links {value}, or link with several of them.
func (n *Node) Inject(port, kind string, config map[string]any) (string, error) {
	params, err := faultParams(kind, config)
	if err != nil {
		return "", err
	}
	for _, p := range params {
		if err := links.CheckParam(p.Name, p.Value); err != nil {
			return "", fmt.Errorf("fault %s: %w", kind, err)
		}
	}
	n.change.Lock()
	defer n.change.Unlock()
	end, err := n.endpoint(port)
	if err != nil {
		return "", err
	}
	l, side, found := n.linkAt(end)
	if !found {
		return "", fmt.Errorf("%s not found", port)
	}
	now := [2][]cells.Param{l.AB, l.BA}[side]
	if err := n.setLink(l.Name, side, params); err != nil {
		return "", err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	f := n.faults[l.Name]
	if f == nil {
		f = &fault{kinds: make(map[string][]string), before: make(map[string]string)}
		n.faults[l.Name] = f
	}
	f.kinds[kind] = nil
	for _, p := range params {
		name := p.Name
		if name == "bits-per-mib" {
			name = "ber" // the same in another unit
		}
		f.kinds[kind] = append(f.kinds[kind], name)
		if _, known := f.before[name]; !known {
			f.before[name] = valueOf(now, name)
		}
	}
	n.log.Warn("fault injected", "link", l.Name, "port", port, "kind", kind, "params", fmt.Sprint(params))
	return fmt.Sprintf("Injected %s into %s", kind, port), nil
}

// Clear puts back what a fault of a port has changed, or all of them with no kind.
// What two faults have set stays until both are cleared.
func (n *Node) Clear(port, kind string) (string, error) {
	n.change.Lock()
	defer n.change.Unlock()
	end, err := n.endpoint(port)
	if err != nil {
		return "", err
	}
	l, side, found := n.linkAt(end)
	if !found {
		return "", fmt.Errorf("%s not found", port)
	}
	f := n.faults[l.Name] // changed by those only who hold n.change
	if f == nil {
		return port + " has no fault", nil
	}
	kinds := []string{kind}
	if kind == "" {
		kinds = slices.Sorted(maps.Keys(f.kinds))
	} else if _, has := f.kinds[kind]; !has {
		return fmt.Sprintf("%s has no fault %s", port, kind), nil
	}
	back := f.restored(kinds)
	if err := n.setLink(l.Name, side, back); err != nil {
		return "", err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, k := range kinds {
		delete(f.kinds, k)
	}
	for _, p := range back {
		delete(f.before, p.Name)
	}
	if len(f.kinds) == 0 {
		delete(n.faults, l.Name)
	}
	n.log.Info("fault cleared", "link", l.Name, "port", port, "kinds", strings.Join(kinds, " "))
	return fmt.Sprintf("Cleared %s from %s", strings.Join(kinds, ", "), port), nil
}

// restored is what was before some kinds of faults, without what others still set.
func (f *fault) restored(gone []string) (back []cells.Param) {
	var stay []string
	for kind, names := range f.kinds {
		if !slices.Contains(gone, kind) {
			stay = append(stay, names...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.before)) {
		if !slices.Contains(stay, name) {
			back = append(back, cells.Param{Name: name, Value: f.before[name]})
		}
	}
	return back
}

// setLink sets parameters of one direction of a link.
func (n *Node) setLink(name string, side int, params []cells.Param) error {
	spec := cells.LinkSpec{Name: name}
	if side == 0 {
		spec.AB = params
	} else {
		spec.BA = params
	}
	return n.driver.Apply(n.version()+1, []cells.Change{{Op: cells.SetLink, Link: spec}})
}

// valueOf is a parameter's value, from those that are not at their defaults.
func valueOf(changed []cells.Param, name string) string {
	if i := slices.IndexFunc(changed, func(p cells.Param) bool { return p.Name == name }); i >= 0 {
		return changed[i].Value
	}
	for _, i := range links.ParamInfos() {
		if i.Name == name {
			return i.Default
		}
	}
	return ""
}
