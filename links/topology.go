package links

import (
	"fmt"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// version is the last batch that was applied.
type version struct {
	number uint64
	hash   des.Fold
}

// Apply carries out a batch; see [cells.Datacenter]. Within an event of the
// timeline it acts inside that event; from outside, as an act of the timeline
// after all that is due at this instant, which happens first.
func (n *Network) Apply(number uint64, batch []cells.Change) error {
	if err := n.settle(); err != nil {
		return fmt.Errorf("batch %d: the run has ended: %w", number, err)
	}
	hash := hashBatch(batch)
	plan, done, err := n.admit(number, hash, batch)
	if done || err != nil {
		return err
	}
	n.version = version{number, hash}
	n.outside(func() {
		for i := range plan {
			plan[i].do()
		}
	})
	return nil
}

// Check says why Apply would refuse a batch now, nil if it would not. Nothing is
// changed.
func (n *Network) Check(number uint64, batch []cells.Change) error {
	_, _, err := n.admit(number, hashBatch(batch), batch)
	return err
}

// admit plans a batch of a version, unless it was the last and is done.
func (n *Network) admit(number uint64, hash des.Fold, batch []cells.Change) (plan []step, done bool, err error) {
	if number == n.version.number && hash == n.version.hash {
		return nil, true, nil
	}
	if number <= n.version.number {
		return nil, false, fmt.Errorf("batch %d: %w: the last was %d", number, cells.ErrStale, n.version.number)
	}
	plan, err = n.check(batch)
	if err != nil {
		return nil, false, fmt.Errorf("batch %d: %w", number, err)
	}
	return plan, false, nil
}

// Version is the number of the last batch that was applied.
func (n *Network) Version() uint64 { return n.version.number }

// settle lets happen what is due, so that what comes from outside is the last
// thing at its instant.
func (n *Network) settle() error {
	if n.sched.Running() {
		return nil
	}
	return n.sched.RunUntil(n.sched.Now())
}

// outside runs f inside the current event, or as an act of its own.
func (n *Network) outside(f func()) {
	if n.sched.Running() {
		f()
		return
	}
	n.acts++
	n.sched.Act(des.MakeEntity(des.Timeline, 1), n.acts, f)
}

// Command gives a cell a command; see [cells.Datacenter]. It acts when Apply
// does.
func (n *Network) Command(id cells.ID, args []string) (answer string, err error) {
	if err := n.settle(); err != nil {
		return "", fmt.Errorf("cell %q: the run has ended: %w", id, err)
	}
	ref, ok := n.host.Find(id)
	if !ok {
		return "", fmt.Errorf("no cell %q", id)
	}
	n.outside(func() { answer, err = n.host.Command(ref, args) })
	return answer, err
}

// hashBatch tells batches apart: every text goes in with its length, every
// list with its.
func hashBatch(batch []cells.Change) des.Fold {
	var f des.Fold
	texts := func(list ...string) {
		for _, s := range list {
			f.Text(s)
		}
	}
	params := func(list []cells.Param) {
		f.Add(uint64(len(list)))
		for _, q := range list {
			texts(q.Name, q.Value)
		}
	}
	truth := func(b bool) {
		word := uint64(0)
		if b {
			word = 1
		}
		f.Add(word)
	}
	f.Add(uint64(len(batch)))
	for i := range batch {
		c, l := &batch[i].Cell, &batch[i].Link
		f.Add(uint64(batch[i].Op))
		texts(string(c.ID), c.Protocol)
		params(c.Params)
		f.Add(uint64(len(c.Ports)))
		texts(c.Ports...)
		f.Add(uint64(c.Clock.Drift))
		f.Add(uint64(c.Clock.Offset))
		texts(l.Name, string(l.A.Cell), l.A.Port, string(l.B.Cell), l.B.Port)
		truth(l.Stream)
		params(l.Both)
		params(l.AB)
		params(l.BA)
		truth(l.Drain)
	}
	return f
}

// step is one checked change, ready to be made.
type step struct {
	op cells.ChangeOp
	do func()
}

// planner checks a batch against the topology it leads to.
type planner struct {
	n     *Network
	cells map[cells.ID]bool        // that the batch adds (true) or removes (false)
	links map[string]bool          // likewise
	ports map[cells.Endpoint]bool  // that the batch takes (true) or frees (false)
	gone  map[uint32]bool          // links that the batch removes, and does not drain
	set   map[cells.PortRef]Params // of directions that the batch sets
	runs  map[cells.CellRef]cells.RunState
	steps []step
}

// check checks every change of a batch, in the order in which they act. Nothing
// is changed.
func (n *Network) check(batch []cells.Change) ([]step, error) {
	p := &planner{
		n: n, cells: make(map[cells.ID]bool), links: make(map[string]bool),
		ports: make(map[cells.Endpoint]bool), set: make(map[cells.PortRef]Params),
		gone: make(map[uint32]bool),
		runs: make(map[cells.CellRef]cells.RunState),
	}
	sorted := slices.Clone(batch)
	slices.SortStableFunc(sorted, func(a, b cells.Change) int { return int(a.Op) - int(b.Op) })
	for i := range sorted {
		c := &sorted[i]
		var err error
		switch c.Op {
		case cells.RemoveLink:
			err = p.removeLink(c)
		case cells.RemoveCell:
			err = p.removeCell(c)
		case cells.SetLink:
			err = p.setLink(c)
		case cells.AddCell:
			err = p.addCell(c)
		case cells.AddLink:
			err = p.addLink(c)
		case cells.SetCell:
			err = p.setCell(c)
		default:
			err = fmt.Errorf("change %d: unknown", c.Op)
		}
		if err != nil {
			return nil, err
		}
	}
	return p.steps, nil
}

func (p *planner) add(op cells.ChangeOp, what string, do func()) {
	n := p.n
	p.steps = append(p.steps, step{op, func() {
		n.host.Record(des.Record{Op: des.OpChange, Text: op.String() + " " + what})
		do()
	}})
}

// hasCell reports whether a cell is there once the batch is done.
func (p *planner) hasCell(id cells.ID) bool {
	if has, ok := p.cells[id]; ok {
		return has
	}
	_, ok := p.n.host.Find(id)
	return ok
}

func (p *planner) findLink(name string) (*link, uint32, error) {
	i, ok := p.n.byName[name]
	if at, in := p.n.inBlock(name); !ok && in {
		i, ok = p.n.adopt(at)
	}
	if has, said := p.links[name]; !ok || said && !has {
		return nil, 0, fmt.Errorf("no link %q", name)
	}
	return &p.n.links[i], i, nil
}

func (p *planner) removeLink(c *cells.Change) error {
	l, i, err := p.findLink(c.Link.Name)
	if err != nil {
		return err
	}
	p.links[c.Link.Name] = false
	if !c.Link.Drain {
		p.ports[l.ends[0]], p.ports[l.ends[1]] = false, false
		p.gone[i] = true
	}
	p.add(c.Op, c.Link.Name, func() { p.n.removeLink(i, c.Link.Drain) })
	return nil
}

// removeEnds takes the links of a cell away that the batch has left it. One
// that drains is cut short: there is nobody left it could arrive at, or come
// from.
func (p *planner) removeEnds(id cells.ID) {
	if ref, ok := p.n.host.Find(id); ok && len(p.n.blocks) > 0 {
		for _, q := range p.n.host.PortsOf(ref) {
			p.n.adopt(q)
		}
	}
	for i := range p.n.links {
		l := &p.n.links[i]
		name := l.spec.Name
		if l.gone() || p.gone[uint32(i)] || l.ends[0].Cell != id && l.ends[1].Cell != id {
			continue
		}
		p.gone[uint32(i)] = true
		if now, ok := p.n.byName[name]; ok && now == uint32(i) {
			p.links[name] = false
		}
		p.ports[l.ends[0]], p.ports[l.ends[1]] = false, false
		p.add(cells.RemoveLink, name, func() { p.n.removeLink(uint32(i), false) })
	}
}

func (p *planner) removeCell(c *cells.Change) error {
	id := c.Cell.ID
	if !p.hasCell(id) {
		return fmt.Errorf("no cell %q", id)
	}
	p.cells[id] = false
	p.removeEnds(id)
	p.add(c.Op, string(id), func() {
		ref, _ := p.n.host.Find(id)
		p.n.laneOf(ref).crashed(ref)
		p.n.host.Remove(ref)
	})
	return nil
}

func (p *planner) setLink(c *cells.Change) error {
	l, i, err := p.findLink(c.Link.Name)
	if err != nil {
		return err
	}
	both, brk := takeBreak(c.Link.Both)
	if brk && !l.spec.Stream {
		return fmt.Errorf("link %q: only connections of stream links can be reset", c.Link.Name)
	}
	var params [2]Params
	for k, own := range [2][]cells.Param{c.Link.AB, c.Link.BA} {
		params[k] = p.params(l.port[k])
		if err := params[k].setAll(both, own, l.spec.Stream); err != nil {
			return fmt.Errorf("link %q: %w", c.Link.Name, err)
		}
	}
	p.set[l.port[0]], p.set[l.port[1]] = params[0], params[1]
	p.add(c.Op, describe(c.Link), func() {
		for k := range params {
			p.n.setDirection(p.n.links[i].port[k], params[k])
		}
		if brk {
			p.n.breakAll(&p.n.links[i], cells.ErrReset)
		}
	})
	return nil
}

// params are a direction's parameters once what the batch has said so far is
// done.
func (p *planner) params(dir cells.PortRef) Params {
	if q, ok := p.set[dir]; ok {
		return q
	}
	return p.n.plan(dir).params
}

// Break is a parameter for SetLink alone: it breaks every connection of a
// stream link, once.
var Break = cells.Param{Name: "break", Value: "now"}

func takeBreak(list []cells.Param) ([]cells.Param, bool) {
	i := slices.Index(list, Break)
	if i < 0 {
		return list, false
	}
	return slices.Delete(slices.Clone(list), i, i+1), true
}

func (p *Params) setAll(both, own []cells.Param, stream bool) error {
	for _, list := range [2][]cells.Param{both, own} {
		for _, q := range list {
			if err := p.Set(q); err != nil {
				return err
			}
		}
	}
	return p.check(stream)
}

func (p *planner) addCell(c *cells.Change) error {
	spec := c.Cell
	if spec.ID == "" {
		return fmt.Errorf("a cell needs a name")
	}
	if p.hasCell(spec.ID) {
		return fmt.Errorf("cell %q: exists already", spec.ID)
	}
	if p.n.opt.Make == nil {
		return fmt.Errorf("cell %q: this network makes no protocols", spec.ID)
	}
	for i, name := range spec.Ports {
		switch {
		case name == "":
			return fmt.Errorf("cell %q: a port needs a name", spec.ID)
		case slices.Index(spec.Ports, name) != i:
			return fmt.Errorf("cell %q: port %q is declared twice", spec.ID, name)
		}
	}
	if d := spec.Clock.Drift; d > clock.DriftMax || d < -clock.DriftMax {
		return fmt.Errorf("cell %q: drift %s: at most %s either way", spec.ID, des.FormatDrift(d), des.FormatDrift(clock.DriftMax))
	}
	first, err := p.n.opt.Make(spec)
	if err != nil {
		return fmt.Errorf("cell %q: %w", spec.ID, err)
	}
	p.cells[spec.ID] = true
	p.add(c.Op, string(spec.ID), func() {
		renew := func() (cells.Protocol, error) {
			if made := first; made != nil { // of its first life, which the check has made
				first = nil
				return made, nil
			}
			return p.n.opt.Make(spec)
		}
		if _, err := p.n.host.Add(spec, renew); err != nil {
			p.n.sched.Fail(err)
		}
	})
	return nil
}

func (p *planner) addLink(c *cells.Change) error {
	spec := c.Link
	fail := func(format string, args ...any) error {
		return fmt.Errorf("link %q: "+format, append([]any{spec.Name}, args...)...)
	}
	if spec.Name == "" {
		return fmt.Errorf("a link needs a name")
	}
	_, exists := p.n.byName[spec.Name]
	if !exists {
		_, exists = p.n.inBlock(spec.Name)
	}
	if has, said := p.links[spec.Name]; has || exists && !said {
		return fail("exists already")
	}
	if spec.A == spec.B {
		return fail("both ends are %s", spec.A)
	}
	ends := [2]cells.Endpoint{spec.A, spec.B}
	far := p.far(ends)
	for k := range ends {
		e := &ends[k]
		if far == uint8(k)+1 {
			continue
		}
		if !p.hasCell(e.Cell) {
			return fail("no cell %q", e.Cell)
		}
		switch {
		case e.Port != "":
		case spec.Stream:
			e.Port = trunkPrefix + spec.Name
		default:
			return fail("end %q: needs a port, such as %s:p0", e.Cell, e.Cell)
		}
		if p.taken(*e) {
			return fail("port %s has a link already", *e)
		}
	}
	p.ports[ends[0]], p.ports[ends[1]] = true, true
	var params [2]Params
	for k, own := range [2][]cells.Param{spec.AB, spec.BA} {
		params[k] = Defaults()
		if err := params[k].setAll(spec.Both, own, spec.Stream); err != nil {
			return fail("%w", err)
		}
	}
	p.links[spec.Name] = true
	p.add(c.Op, describe(spec), func() { p.n.addLink(spec, ends, far, params) })
	return nil
}

// trunkPrefix and the link's name are the name of the port that a stream link
// is given where its end names none.
const trunkPrefix = "~"

// taken reports whether a port has a link once what the batch has said so far
// is done.
func (p *planner) taken(e cells.Endpoint) bool {
	if taken, said := p.ports[e]; said {
		return taken
	}
	return !p.cells[e.Cell] && p.n.linked(e) // what the batch adds has no links
}

// linked reports whether a port has a link now, one that drains included.
func (n *Network) linked(e cells.Endpoint) bool {
	ref, ok := n.host.Find(e.Cell)
	if !ok {
		return false
	}
	p, ok := n.host.StaticPort(ref, e.Port)
	return ok && n.linkedPort(p)
}

func describe(l cells.LinkSpec) string {
	s := l.Name
	for _, q := range l.Both {
		s += " " + q.String()
	}
	for _, q := range l.AB {
		s += " >" + q.String()
	}
	for _, q := range l.BA {
		s += " <" + q.String()
	}
	return s
}

// linkedPort reports whether a port has a link, one that drains included: until
// what was sent to it has arrived.
func (n *Network) linkedPort(p cells.PortRef) bool {
	l, k := n.linkOf(p)
	if l == nil {
		return n.host.Port(p).Peer != 0
	}
	return !l.ended[1-k]
}

func (n *Network) addLink(spec cells.LinkSpec, ends [2]cells.Endpoint, far uint8, params [2]Params) {
	index := uint32(len(n.links))
	life := n.lives[spec.Name]
	n.lives[spec.Name] = life + 1
	n.byName[spec.Name] = index
	l := link{spec: spec, life: life, ends: ends, far: far, names: [2]string{spec.Name + ">", spec.Name + "<"}}
	for k, e := range ends {
		ref, name := n.place(e, far == uint8(k)+1)
		p, ok := n.host.StaticPort(ref, name)
		if !ok {
			p = n.host.AddStaticPort(ref, name)
		}
		l.port[k] = n.host.Bind(p, spec.Stream)
	}
	n.host.Join(l.port[0], l.port[1])
	n.links = append(n.links, l)
	for _, p := range l.port {
		n.ext(p).link = index + 1
	}
	for k, p := range l.port {
		n.setPlan(p, params[k])
	}
	if spec.Stream {
		both := pair(n.host.Cell(l.port[0]), n.host.Cell(l.port[1]))
		n.trunks[both] = append(n.trunks[both], index)
	}
}

// setDirection changes a direction for what is sent from now on. Frames on the
// way keep their due times, but for what a cut does to them.
func (n *Network) setDirection(p cells.PortRef, params Params) {
	q := n.host.Port(p)
	was, x := n.plan(p), n.ext(p)
	if was.what == 0 && n.flying(p) > 0 {
		x.lastDue = max(x.lastDue, q.LastTx.Add(was.delay)) // was not kept, since nothing could overtake
	}
	n.setPlan(p, params)
	if x.watched {
		n.sched.Touch()
	}
	switch cut := params.Cut; {
	case cut == was.params.Cut:
	case cut == CutLost:
		if l, _ := n.linkOf(p); l != nil && l.spec.Stream {
			n.breakAll(l, cells.ErrReset)
		}
		n.lose(p, cells.ReasonCut)
	case cut != CutHold:
		n.release(p)
	}
}

// removeLink takes a link away. With drain, what was sent arrives first, and
// each end stays up until its own side has.
func (n *Network) removeLink(i uint32, drain bool) {
	l := &n.links[i]
	if n.byName[l.spec.Name] == i { // not so if it drains, and its name was given away
		delete(n.byName, l.spec.Name)
	}
	if drain {
		for _, p := range l.port {
			params := n.plan(p).params
			params.Cut = CutNo
			n.setPlan(p, params)
			n.release(p)
		}
	}
	l.left, l.drains = true, drain
	for k, p := range l.port {
		n.alert(p)
		to := n.host.Port(p).Peer
		switch left := n.flying(p); {
		case l.ended[k]:
		case drain && left > 0:
			n.ext(to).awaited = left
		default:
			n.lose(p, cells.ReasonRemoved)
			n.drained(l, k)
		}
	}
	if l.spec.Stream && !drain {
		n.breakAll(l, cells.ErrRemoved)
	}
}

// drained ends the receiving side of a direction of a removed link.
func (n *Network) drained(l *link, k int) {
	l.ended[k] = true
	to := l.port[1-k]
	if l.spec.Stream {
		n.of(to).breakAll(to, cells.ErrRemoved)
	}
	n.host.Unbind(to, cells.ErrRemoved)
}

func (p *planner) setCell(c *cells.Change) error {
	id := c.Cell.ID
	if !p.hasCell(id) {
		return fmt.Errorf("no cell %q", id)
	}
	if p.cells[id] {
		return fmt.Errorf("cell %q: is added by the same batch: give it its settings there", id)
	}
	ref, _ := p.n.host.Find(id)
	for _, q := range c.Cell.Params {
		do, err := p.cellSetting(ref, q)
		if err != nil {
			return err
		}
		p.add(c.Op, string(id)+" "+q.String(), do)
	}
	return nil
}

// cellSetting checks one setting of a cell and gives what carries it out.
func (p *planner) cellSetting(ref cells.CellRef, q cells.Param) (func(), error) {
	n, h := p.n, p.n.host
	id := h.Name(ref)
	wrap := func(f func() error) func() {
		return func() {
			if err := f(); err != nil {
				n.sched.Fail(err)
			}
		}
	}
	switch q.Name {
	case cells.SetRun:
		return p.runSetting(ref, q.Value, wrap)
	case cells.SetDrift:
		d, err := des.ParseDrift(q.Value)
		if err != nil {
			return nil, fmt.Errorf("cell %q: drift %w", id, err)
		}
		return wrap(func() error { return h.SetDrift(ref, d) }), nil
	case cells.SetStep, cells.SetOffset:
		d, err := des.ParseDuration(q.Value)
		if err != nil {
			return nil, fmt.Errorf("cell %q: %s %w", id, q.Name, err)
		}
		if q.Name == cells.SetStep {
			return func() { h.StepClock(ref, duration(d)) }, nil
		}
		return func() { h.OffsetClock(ref, duration(d)) }, nil
	}
	return nil, fmt.Errorf("cell %q: no setting %q: must be run, drift, step or offset", id, q.Name)
}

// runSetting checks a change of what a cell is doing, against what it does once
// the batch's earlier settings are done.
func (p *planner) runSetting(ref cells.CellRef, word string, wrap func(func() error) func()) (func(), error) {
	n, h := p.n, p.n.host
	id, run := h.Name(ref), h.Run(ref)
	planned, said := p.runs[ref]
	if said {
		run = planned
	}
	refuse := func() (func(), error) { return nil, fmt.Errorf("cell %q: cannot %s, it is %s", id, word, run) }
	switch word {
	case "crash":
		if run != cells.Running && run != cells.Paused {
			return refuse()
		}
		p.runs[ref] = cells.Crashed
		return wrap(func() error {
			n.laneOf(ref).crashed(ref)
			return h.Crash(ref)
		}), nil
	case "restart", "restart-kept":
		kept := word == "restart-kept"
		switch {
		case run != cells.Crashed:
			return refuse()
		case !said:
			if err := h.CanRestart(ref, kept); err != nil {
				return nil, err
			}
		case kept && !h.CanKeep(ref):
			return nil, fmt.Errorf("cell %q: its protocol cannot keep its state", id)
		}
		p.runs[ref] = cells.Running
		return wrap(func() error { return h.Restart(ref, kept) }), nil
	case "pause":
		if run != cells.Running {
			return refuse()
		}
		p.runs[ref] = cells.Paused
		return wrap(func() error { return h.Pause(ref) }), nil
	case "resume":
		if run != cells.Paused {
			return refuse()
		}
		p.runs[ref] = cells.Running
		return wrap(func() error { return h.Resume(ref) }), nil
	}
	return nil, fmt.Errorf("cell %q: run %q: must be crash, restart, restart-kept, pause or resume", id, word)
}
