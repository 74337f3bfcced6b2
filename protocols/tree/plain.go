package tree

import (
	"slices"
	"strings"

	"example.com/dsim/cells"
)

// plain is a cell of the plain reading. Each of its ports roots a tree, whose
// name is that of the port.
//
//	event                      action
//	port connected             new instance; TREE_BUILD of its own tree with 0 hops, and of each tree known
//	TREE_BUILD, unknown tree   join, one hop further; TREE_BUILD_ACK; TREE_BUILD on all other ports
//	TREE_BUILD, new instance   join anew, TREE_BUILD_ACK
//	TREE_BUILD, known          -
//	TREE_BUILD_ACK, own tree   add to its list of ports
//	TREE_BUILD_ACK             leafward, from now on; the own port before the others; on, rootward
//	rootward port lost         leave; TREE_BUILD_INVALIDATION leafward, if the tree's root was next
//	TREE_BUILD_INVALIDATION    leave; on, leafward
//	RTP False                  on, leafward; a leaf sends RTP True back
//	RTP True                   on, rootward
//
// Nothing is sent twice. A list that a root has keeps ports that have left.
type plain struct {
	config Config
	self   string
	ports  []plainPort
	trees  []*plainTree // in the order of names
	rand   *cells.Rand

	builds, acks, invalidations, joined, abandoned, tokens, malformed uint64
}

type plainPort struct {
	port
	instance string
	paths    []string
}

type plainTree struct {
	id, instance string
	hops         uint64
	rootward     cells.Port
	leafward     []cells.Port
}

func newPlain(c Config) *plain { return &plain{config: c} }

// Start begins a life.
func (p *plain) Start(e cells.Env) {
	p.self = string(e.Self())
	p.rand = e.Rand("instance")
}

// Up says that a neighbour is there.
func (p *plain) Up(e cells.Env, n cells.Port) {
	info := e.Port(n)
	if info.Stream {
		return
	}
	for len(p.ports) <= int(n) {
		p.ports = append(p.ports, plainPort{})
	}
	q := &p.ports[n]
	*q = plainPort{port: port{up: true, name: info.Name, own: p.self + ":" + info.Name, peer: info.Peer}}
	if p.config.Root {
		q.instance = instance{p.rand.Uint64(), p.rand.Uint64()}.String()
		p.build(e, n, q.own, q.instance, 0)
	}
	for _, t := range p.trees {
		p.build(e, n, t.id, t.instance, t.hops)
	}
}

func (p *plain) build(e cells.Env, n cells.Port, id, in string, hops uint64) {
	p.builds++
	e.Send(n, begin(e.Buf(), wordBuild).name(id).name(in).number(hops))
}

// Down says that a neighbour is gone.
func (p *plain) Down(e cells.Env, n cells.Port, _ error) {
	if !p.isUp(n) {
		return
	}
	p.ports[n].up = false
	p.ports[n].paths = nil
	for _, t := range slices.Clone(p.trees) {
		t.leafward = slices.DeleteFunc(t.leafward, func(q cells.Port) bool { return q == n })
		if t.rootward == n {
			p.leave(e, t, t.hops == 1)
		}
	}
}

// leave leaves a tree, and tells those that have joined by the cell.
func (p *plain) leave(e cells.Env, t *plainTree, tell bool) {
	p.abandoned++
	p.trees = slices.DeleteFunc(p.trees, func(u *plainTree) bool { return u == t })
	e.EmitText(KindLeft, t.id)
	if !tell {
		return
	}
	for _, n := range t.leafward {
		p.invalidations++
		e.Send(n, begin(e.Buf(), wordInvalidate).name(t.id).name(t.instance).truth(false))
	}
}

func (p *plain) isUp(n cells.Port) bool { return int64(n) < int64(len(p.ports)) && p.ports[n].up }

// find gives a tree that the cell is in.
func (p *plain) find(id []byte) *plainTree {
	i, ok := slices.BinarySearchFunc(p.trees, string(id), func(t *plainTree, id string) int { return strings.Compare(t.id, id) })
	if !ok {
		return nil
	}
	return p.trees[i]
}

// own gives the port that is the root of a tree.
func (p *plain) own(id []byte) *plainPort {
	for i := range p.ports {
		if p.ports[i].own == string(id) {
			return &p.ports[i]
		}
	}
	return nil
}

// Recv takes a message.
func (p *plain) Recv(e cells.Env, n cells.Port, b []byte) {
	if !p.isUp(n) {
		return
	}
	r := read(b)
	ok := false
	switch string(r.word()) {
	case wordBuild:
		ok = p.handleBuild(e, n, &r)
	case wordAck:
		ok = p.handleAck(e, n, &r)
	case wordInvalidate:
		ok = p.handleInvalidation(e, &r)
	case wordToken:
		ok = p.handleToken(e, &r)
	}
	if !ok {
		p.malformed++
	}
}

func (p *plain) handleBuild(e cells.Env, n cells.Port, r *reader) bool {
	id, in, hops := r.name(), r.name(), r.number()
	if !r.all() {
		return false
	}
	t := p.find(id)
	switch {
	case p.own(id) != nil, t != nil && t.instance == string(in), t == nil && len(p.trees) >= treesMax:
		return true
	}
	fresh := t == nil
	if fresh {
		t = &plainTree{id: string(id)}
		i, _ := slices.BinarySearchFunc(p.trees, t.id, func(t *plainTree, id string) int { return strings.Compare(t.id, id) })
		p.trees = slices.Insert(p.trees, i, t)
	}
	*t = plainTree{id: t.id, instance: string(in), hops: hops + 1, rootward: n}
	p.joined++
	e.EmitText(KindJoined, joinedText(&tree{root: t.id, hops: t.hops}, p.ports[n].name))
	p.ack(e, n, t, t.hops, nil, p.ports[n].own)
	for i := range p.ports {
		if m := cells.Port(i); fresh && m != n && p.ports[i].up {
			p.build(e, m, t.id, t.instance, t.hops)
		}
	}
	return true
}

// ack sends a list of ports, with one before the others, rootward.
func (p *plain) ack(e cells.Env, n cells.Port, t *plainTree, hops uint64, list []byte, first string) {
	p.acks++
	m := append(begin(e.Buf(), wordAck).name(t.id).name(t.instance).number(hops), " ["...)
	m = append(m, first...)
	if len(list) > 0 {
		m = append(append(m, ','), list...)
	}
	e.Send(n, append(m, ']'))
}

func (p *plain) handleAck(e cells.Env, n cells.Port, r *reader) bool {
	id, in, hops, list := r.name(), r.name(), r.number(), r.list()
	if !r.all() {
		return false
	}
	if q := p.own(id); q != nil {
		if q.instance == string(in) && len(q.paths) < treesMax {
			q.paths = append(q.paths, string(list))
		}
		return true
	}
	t := p.find(id)
	if t == nil || !p.isUp(t.rootward) {
		return true
	}
	if !slices.Contains(t.leafward, n) {
		t.leafward = append(t.leafward, n)
	}
	p.ack(e, t.rootward, t, hops, list, p.ports[n].own)
	return true
}

func (p *plain) handleInvalidation(e cells.Env, r *reader) bool {
	id, _, _ := r.name(), r.name(), r.truth()
	if !r.all() {
		return false
	}
	if t := p.find(id); t != nil {
		p.leave(e, t, true)
	}
	return true
}

func (p *plain) handleToken(e cells.Env, r *reader) bool {
	id, rootward, hops := r.name(), r.truth(), r.number()
	if !r.all() {
		return false
	}
	t := p.find(id)
	switch {
	case t == nil:
		if rootward && p.own(id) != nil {
			p.tokens++
			e.Emit(KindToken, int64(hops), 0)
		}
	case !rootward && len(t.leafward) > 0:
		for _, n := range t.leafward {
			p.token(e, n, t.id, false, hops+1)
		}
	case !rootward:
		p.token(e, t.rootward, t.id, true, hops+1)
	default:
		p.token(e, t.rootward, t.id, true, hops)
	}
	return true
}

func (p *plain) token(e cells.Env, n cells.Port, id string, rootward bool, hops uint64) {
	e.Send(n, begin(e.Buf(), wordToken).name(id).truth(rootward).number(hops))
}

// Timer has nothing to do.
func (p *plain) Timer(cells.Env, cells.TimerID) {}

// Command takes rtp, trees and stats; there is nothing else.
func (p *plain) Command(e cells.Env, args []string) (string, error) {
	switch strings.Join(args, " ") {
	case "rtp":
		for i := range p.ports {
			if q := &p.ports[i]; q.up && p.config.Root {
				p.token(e, cells.Port(i), q.own, false, 0)
			}
		}
		return "sent", nil
	case "trees":
		return lines(p, "tree."), nil
	case "stats":
		return stats(p), nil
	}
	return "", errPlain
}
