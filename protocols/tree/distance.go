package tree

import (
	"slices"

	"example.com/dsim/cells"
)

// How a tree is built and kept, in our reading.
//
// Each cell tells each neighbour, whenever it changes, what it is to a tree:
// a TREE_BUILD offers to join by it, a TREE_BUILD_ACK says that it has joined
// by that neighbour, which is not offered anything then, and an INVALIDATION
// that it is in the tree no more. So a cell knows the last word of each
// neighbour, and joins by the best offer: of the newest epoch, and in it that
// with the fewest hops.
//
// A loop, in which cells far from the root offer each other what they no longer
// have, is excluded as in Babel (RFC 8966, section 3.5): within an epoch a cell
// takes only offers with fewer hops than it has ever had itself. A cell whose
// neighbours all offer more has left the tree, tells them, and asks by the
// best of them for a new generation, in which everything may be taken. The
// request goes rootward; the root, if nobody else was faster, builds anew.
// So in one epoch hops only shrink, each cell that is connected to the root
// comes to its newest epoch, and there hops are those of the shortest path.
// Of a root that is gone nobody can make a new epoch, and what was left of its
// tree dies from its broken ends.

// tree is what a cell knows of one tree.
type tree struct {
	root string
	epoch
	valid    bool       // the cell is in the tree
	hops     uint64     // from the root; the last, if it is not; never more within an epoch
	rootward cells.Port // if valid, and not the root
	ends     []end      // by port

	wanted uint64 // the generation that somebody below has asked for
	repair repair // the last request that was sent

	admission
	last  uint64 // number of the last transaction that came by, or was begun
	hash  uint64 // names the instance in emissions
	stale bool   // the list that the rootward neighbour has is old

	attr, shown string // for AppendState; "" if it must be made again
	paths       string // of the own tree: all that has joined
	members     int    // cells that are in it; 0 if both must be made again
}

// end is one port of a tree: the neighbour's last word, and ours to it.
type end struct {
	offers bool
	epoch  epoch
	hops   uint64

	child bool   // it has joined by us
	list  []byte // of its ports, and those below

	told told
}

// told is what a neighbour was last told.
type told struct {
	what  uint8
	epoch epoch
	hops  uint64
}

const (
	toldNothing uint8 = iota
	toldOffer
	toldJoined
	toldLeft
)

// repair is a request for a new generation.
type repair struct {
	port       cells.Port
	generation uint64 // 0 if none was sent
}

func (t *tree) end(n cells.Port) *end {
	for len(t.ends) <= int(n) {
		t.ends = append(t.ends, end{})
	}
	return &t.ends[n]
}

// started names an instance.
func (t *tree) started() { t.hash = treeHash(t.root, t.instance) }

func treeHash(root string, i instance) uint64 {
	return cellHash(root + " " + i.String())
}

// changed forgets what was made to be shown.
func (t *tree) changed() { t.shown = "" }

// relisted says that what joined below has changed.
func (c *cell) relisted(e cells.Env, t *tree) {
	t.changed()
	t.members = 0
	if t == c.own || t.stale || !t.valid {
		return
	}
	t.stale = true
	c.gather(e)
}

// gather waits a little for more to be told rootward.
func (c *cell) gather(e cells.Env) {
	if !c.gathering {
		c.gathering = true
		e.Arm(timerGather, c.config.Gather)
	}
}

// gathered tells rootward what has joined, and was asked, below.
func (c *cell) gathered(e cells.Env) {
	c.gathering = false
	for _, t := range c.trees {
		if !t.valid || t == c.own {
			continue
		}
		if t.stale {
			c.sendJoined(e, t)
		}
		c.askOn(e, t)
	}
}

// handleBuild takes a neighbour's offer.
func (c *cell) handleBuild(e cells.Env, n cells.Port, r *reader) bool {
	root, in, hops, generation := r.name(), r.instance(), r.number(), r.number()
	if !r.all() {
		return false
	}
	t := c.byRoot[string(root)]
	if t == nil {
		if len(c.trees) >= treesMax {
			return true
		}
		t = c.tree(string(root))
	}
	if t == c.own {
		c.hearOwn(e, in)
	}
	d := t.end(n)
	d.offers, d.epoch, d.hops = true, epoch{in, generation}, hops
	c.orphan(e, t, d)
	c.choose(e, t)
	return true
}

// hearOwn takes word of the own tree. An instance that is later than the own
// would win over it everywhere: then another begins.
func (c *cell) hearOwn(e cells.Env, in instance) {
	if in.compare(c.own.instance) <= 0 {
		return
	}
	if in.start == 1<<64-1 {
		return // there is none later; only damage can have made it
	}
	c.abandonOwn(e)
	c.own.epoch = epoch{instance: instance{in.start + 1, e.Rand("instance").Uint64()}}
	c.own.started()
	c.own.last = 0
	c.own.changed()
	c.tellAll(e, c.own)
}

// orphan takes a neighbour off those that have joined by the cell.
func (c *cell) orphan(e cells.Env, t *tree, d *end) {
	if !d.child {
		return
	}
	d.child, d.list = false, d.list[:0]
	c.relisted(e, t)
}

// handleAck takes a neighbour's word that it has joined by this cell.
func (c *cell) handleAck(e cells.Env, n cells.Port, r *reader) bool {
	root, in, hops, list, generation := r.name(), r.instance(), r.number(), r.list(), r.number()
	if !r.all() {
		return false
	}
	t := c.byRoot[string(root)]
	if t == nil {
		return true
	}
	d := t.end(n)
	d.offers, d.epoch, d.hops = false, epoch{in, generation}, hops
	if !d.child || !slices.Equal(d.list, list) {
		d.child, d.list = true, append(d.list[:0], list...)
		c.relisted(e, t)
	}
	c.choose(e, t)
	return true
}

// handleInvalidation takes a neighbour's word that it has left the tree, or
// that a new generation is needed.
func (c *cell) handleInvalidation(e cells.Env, n cells.Port, r *reader) bool {
	root, in, rootward, generation := r.name(), r.instance(), r.truth(), r.number()
	if !r.all() {
		return false
	}
	t := c.byRoot[string(root)]
	switch {
	case t == nil:
	case rootward && in == t.instance && t == c.own:
		if generation == t.generation {
			c.rebuild(e)
		}
	case rootward && in == t.instance:
		t.wanted = max(t.wanted, generation+1)
		c.maybeRepair(e, t)
	case rootward:
	default:
		d := t.end(n)
		d.offers = false
		c.orphan(e, t, d)
		c.choose(e, t)
	}
	return true
}

// rebuild begins a new generation of the own tree.
func (c *cell) rebuild(e cells.Env) {
	c.Generations++
	c.own.generation++
	c.own.changed()
	c.tellAll(e, c.own)
}

// forget drops all that a neighbour that is gone has said of a tree.
func (c *cell) forget(e cells.Env, t *tree, n cells.Port) {
	d := t.end(n)
	c.orphan(e, t, d)
	*d = end{list: d.list[:0]}
	if t.repair.port == n {
		t.repair = repair{}
	}
	t.departed(n)
	c.choose(e, t)
}

// choose joins by the best offer there is, or leaves the tree if there is
// none, and tells the neighbours what has changed.
func (c *cell) choose(e cells.Env, t *tree) {
	if t == c.own {
		return
	}
	best := c.best(t)
	switch {
	case best >= 0:
		c.join(e, t, cells.Port(best))
	case t.valid:
		t.valid = false
		t.changed()
		c.Abandoned++
		e.EmitText(KindLeft, t.root)
		c.tellAll(e, t)
	}
	c.maybeRepair(e, t)
	c.maybeAdmit(e, t)
}

// best is the port with the best offer that may be taken, -1 if there is none.
// Of two that are as good, that by which the cell has joined already is
// better, then the one with the lower number.
func (c *cell) best(t *tree) int {
	best := -1
	for i := range t.ends {
		d := &t.ends[i]
		if !d.offers || !c.isUp(cells.Port(i)) || !t.feasible(d) || d.hops+1 >= c.config.TTL {
			continue
		}
		if best >= 0 {
			b := &t.ends[best]
			switch k := d.epoch.compare(b.epoch); {
			case k < 0, k == 0 && d.hops > b.hops:
				continue
			case k == 0 && d.hops == b.hops && !(t.valid && int(t.rootward) == i):
				continue
			}
		}
		best = i
	}
	return best
}

// feasible reports whether an offer cannot come from a cell below this one.
func (t *tree) feasible(d *end) bool {
	k := d.epoch.compare(t.epoch)
	return k > 0 || k == 0 && d.hops < t.hops
}

// join joins a tree by a port.
func (c *cell) join(e cells.Env, t *tree, n cells.Port) {
	d := &t.ends[n]
	hops := d.hops + 1
	if c.config.Bug == FarHops {
		hops++
	}
	if t.valid && t.rootward == n && t.epoch == d.epoch && t.hops == hops {
		return
	}
	if t.instance != d.epoch.instance {
		c.renew(t, d.epoch.instance)
	}
	if t.epoch != d.epoch {
		t.repair = repair{}
	}
	moved := !t.valid || t.rootward != n || t.hops != hops
	t.epoch, t.hops, t.rootward, t.valid = d.epoch, hops, n, true
	t.changed()
	if moved {
		c.Joined++
		e.EmitText(KindJoined, joinedText(t, c.ports[n].name))
	}
	c.tellAll(e, t)
}

// renew forgets what was of another instance.
func (c *cell) renew(t *tree, in instance) {
	t.epoch = epoch{instance: in}
	t.wanted, t.repair, t.last = 0, repair{}, 0
	t.admission = admission{}
	t.started()
	c.pending = slices.DeleteFunc(c.pending, func(p *pending) bool { return p.tree == t })
}

// tellAll tells each neighbour what the cell is to a tree now.
func (c *cell) tellAll(e cells.Env, t *tree) {
	for i := range c.ports {
		if c.ports[i].up {
			c.tell(e, t, cells.Port(i))
		}
	}
}

// tell tells a neighbour what the cell is to a tree, unless it knows.
func (c *cell) tell(e cells.Env, t *tree, n cells.Port) {
	d := t.end(n)
	now := told{toldOffer, t.epoch, t.hops}
	switch {
	case !t.valid && (d.told.what == toldNothing || d.told.what == toldLeft):
		return
	case !t.valid:
		now.what = toldLeft
	case t != c.own && n == t.rootward:
		now.what = toldJoined
	}
	if d.told == now {
		return
	}
	d.told = now
	switch now.what {
	case toldOffer:
		c.Builds++
		e.Send(n, begin(e.Buf(), wordBuild).name(t.root).instance(t.instance).number(t.hops).number(t.generation))
	case toldJoined:
		c.sendJoined(e, t)
	case toldLeft:
		c.Invalidations++
		c.sendInvalidation(e, t, n, false, t.generation)
	}
}

func (c *cell) sendInvalidation(e cells.Env, t *tree, n cells.Port, rootward bool, generation uint64) {
	e.Send(n, begin(e.Buf(), wordInvalidate).name(t.root).instance(t.instance).truth(rootward).number(generation))
}

// sendJoined tells the rootward neighbour which ports have joined by it.
func (c *cell) sendJoined(e cells.Env, t *tree) {
	c.Acks++
	t.stale = false
	p := &c.ports[t.rootward]
	m := c.joined(e.Buf(), t, false)
	if p.mtu > 0 && len(m) > p.mtu || c.config.Bug == ShortList {
		c.Cut++
		m = c.joined(e.Buf(), t, true)
	}
	e.Send(t.rootward, m)
}

func (c *cell) joined(b []byte, t *tree, cut bool) message {
	m := append(begin(b, wordAck).name(t.root).instance(t.instance).number(t.hops), " ["...)
	m = append(m, c.ports[t.rootward].own...)
	if !cut {
		m = c.appendList(m, t, ',')
	}
	return append(m, ']').number(t.generation)
}

// appendList appends the ports below the cell, with a comma before each; with
// first instead of the first comma, if it is not 0.
func (c *cell) appendList(b []byte, t *tree, first byte) []byte {
	for i := range t.ends {
		d := &t.ends[i]
		if !d.child {
			continue
		}
		if first != 0 {
			b = append(b, first)
		}
		first = ','
		b = append(b, c.ports[i].own...)
		b = append(b, ',')
		b = append(b, d.list...)
	}
	return b
}

// maybeRepair asks for a new generation, if the cell, or one that has asked
// it, cannot join this one.
func (c *cell) maybeRepair(e cells.Env, t *tree) {
	if t == c.own {
		return
	}
	want, target := t.wanted, int(t.rootward)
	if !t.valid {
		want, target = max(want, t.generation+1), -1
		for i := range t.ends {
			d := &t.ends[i]
			if d.offers && c.isUp(cells.Port(i)) && d.epoch == t.epoch && (target < 0 || d.hops < t.ends[target].hops) {
				target = i
			}
		}
	}
	if want <= t.generation || target < 0 || t.repair == (repair{cells.Port(target), want}) {
		return
	}
	t.repair = repair{cells.Port(target), want}
	c.Repairs++
	c.sendInvalidation(e, t, cells.Port(target), true, want-1)
}
