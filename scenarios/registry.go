package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"example.com/dsim/cells"
	"example.com/dsim/des/suggest"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios/internal/expr"
)

// Protocol is a protocol as scenarios know it.
type Protocol struct {
	Name string // "abp"
	Doc  string // one line
	// Config makes the protocol's parameters: a pointer to a struct. Each field
	// that is a parameter has a tag dsim:"name", and may have doc, default,
	// oneof:"a,b", min, max, unit:"bytes" and required:"true". Fields are int, int64, uint64,
	// bool, string, time.Duration, des.Ratio, des.Sampler, clock.Drift or
	// []string. nil if there are none.
	Config func() any
	// New makes a cell's protocol from what Config made and the scenario
	// filled. Its error is for the author of the scenario.
	New func(cfg any) (cells.Protocol, error)
	// State are the names of the attributes that cells of the protocol show,
	// beyond those that a new one shows already. A name that ends in * stands
	// for all that begin so. nil with a new one that shows nothing: any.
	State []string
	// Ethernet finds the Ethernet frames in the streams of the protocol's cells,
	// for captures. nil if there are none.
	Ethernet func() replay.PacketReader
}

// Property is something an oracle judges.
type Property struct {
	Name string // "family/name"
	Doc  string
	New  func() cells.Oracle
}

// Registry knows protocols and properties by name.
type Registry struct {
	mu         sync.RWMutex
	protocols  map[string]*protocol
	properties map[string]Property
}

type protocol struct {
	Protocol
	params []param
	names  []string // of params, sorted
}

// NewRegistry makes an empty registry.
func NewRegistry() *Registry {
	return &Registry{protocols: make(map[string]*protocol), properties: make(map[string]Property)}
}

// Default is the registry that is used where none is given.
var Default = NewRegistry()

// RegisterProtocol and RegisterProperty add to the Default registry.
func RegisterProtocol(p Protocol) { Default.RegisterProtocol(p) }

// RegisterProperty adds to the Default registry.
func RegisterProperty(p Property) { Default.RegisterProperty(p) }

// RegisterProtocol adds a protocol. It panics if the name is taken, or if the
// Config is not one.
func (r *Registry) RegisterProtocol(p Protocol) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, dup := r.protocols[p.Name]; dup || !nameRule.MatchString(p.Name) || p.New == nil {
		panic(fmt.Sprintf("scenarios: protocol %q: registered twice, or not well", p.Name))
	}
	q := &protocol{Protocol: p}
	if p.Config != nil {
		params, err := configParams(p.Config())
		if err != nil {
			panic(fmt.Sprintf("scenarios: protocol %q: %v", p.Name, err))
		}
		q.params = params
	}
	for _, x := range q.params {
		q.names = append(q.names, x.name)
	}
	slices.Sort(q.names)
	r.protocols[p.Name] = q
}

// RegisterProperty adds a property. It panics if the name is taken or not of
// the form family/name.
func (r *Registry) RegisterProperty(p Property) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, dup := r.properties[p.Name]; dup || !propertyRule.MatchString(p.Name) || p.New == nil {
		panic(fmt.Sprintf("scenarios: property %q: registered twice, or not well", p.Name))
	}
	r.properties[p.Name] = p
}

// Protocols lists the protocols in the order of names.
func (r *Registry) Protocols() []Protocol {
	r.mu.RLock()
	defer r.mu.RUnlock()
	list := make([]Protocol, 0, len(r.protocols))
	for _, p := range r.protocols {
		list = append(list, p.Protocol)
	}
	slices.SortFunc(list, func(a, b Protocol) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Properties lists the properties in the order of names.
func (r *Registry) Properties() []Property {
	r.mu.RLock()
	defer r.mu.RUnlock()
	list := make([]Property, 0, len(r.properties))
	for _, p := range r.properties {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Property) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Property finds a property.
func (r *Registry) Property(name string) (Property, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	p, ok := r.properties[name]
	return p, ok
}

func (r *Registry) protocol(name string) *protocol {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.protocols[name]
}

func (r *Registry) protocolNames() (names []string) {
	for _, p := range r.Protocols() {
		names = append(names, p.Name)
	}
	return names
}

func (r *Registry) propertyNames() (names []string) {
	for _, p := range r.Properties() {
		names = append(names, p.Name)
	}
	return names
}

// MakeProtocol makes the protocol of a cell, of the Default registry.
func MakeProtocol(spec cells.CellSpec) (cells.Protocol, error) { return Default.MakeProtocol(spec) }

// MakeProtocol makes the protocol of a cell.
func (r *Registry) MakeProtocol(spec cells.CellSpec) (cells.Protocol, error) {
	p := r.protocol(spec.Protocol)
	if p == nil {
		return nil, fmt.Errorf("cell %s: no protocol %s%s", spec.ID, suggest.Quoted(spec.Protocol), suggest.Hint(spec.Protocol, r.protocolNames()))
	}
	proto, err := p.make(spec.Params)
	if err != nil {
		return nil, fmt.Errorf("cell %s: %w", spec.ID, err)
	}
	return proto, nil
}

func (p *protocol) make(given []cells.Param) (cells.Protocol, error) {
	var cfg any
	if p.Config != nil {
		cfg = p.Config()
	}
	if err := fillConfig(cfg, p.params, given); err != nil {
		return nil, err
	}
	return p.New(cfg)
}

func (p *protocol) param(name string) *param {
	i := slices.IndexFunc(p.params, func(x param) bool { return x.name == name })
	if i < 0 {
		return nil
	}
	return &p.params[i]
}

// scope is what conditions may say of a cell of the protocol: what a new one
// shows, with its types, and what State adds.
func (p *protocol) scope(name string, proto cells.Protocol) expr.Cell {
	c := expr.Cell{Name: name, Protocol: p.Name}
	for _, a := range newState(proto) {
		c.Attrs = append(c.Attrs, expr.Attr{Name: a.Name, Type: AttrOf(a).v.Type})
	}
	for _, n := range p.State {
		if strings.HasSuffix(n, "*") {
			c.Open = true
			continue
		}
		if !slices.ContainsFunc(c.Attrs, func(a expr.Attr) bool { return a.Name == n }) {
			c.Attrs = append(c.Attrs, expr.Attr{Name: n, Type: expr.Any})
		}
	}
	if _, shows := proto.(cells.Inspector); shows && len(c.Attrs) == 0 {
		c.Open = true
	}
	return c
}

// newState is what a protocol shows that has not been started. One that cannot
// be asked yet shows nothing.
func newState(p cells.Protocol) (attrs []cells.Attr) {
	defer func() {
		if recover() != nil {
			attrs = nil
		}
	}()
	if i, ok := p.(cells.Inspector); ok {
		return i.AppendState(make([]cells.Attr, 0, 16))
	}
	return nil
}
