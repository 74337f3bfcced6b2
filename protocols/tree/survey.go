package tree

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// What must hold of the trees of a world at rest: some time after its last
// fault. Each check is a function of a snapshot alone: of its links, cut or
// not, and of what its running cells show.

// CheckSpanning says what is wrong if the entries of some tree do not make it a
// tree that spans the cells its root can reach, and no others: each cell that
// can be reached has joined by a neighbour that knows it, in the instance of
// the root, and following them leads to the root. No entry is left of roots
// that cannot be reached.
func CheckSpanning(s cells.Snapshot) error {
	return newSite(s).each((*rooted).spanning)
}

// CheckDepth says what is wrong if some cell's hops are not its depth in the
// tree, or, in our reading, not its distance from the root.
func CheckDepth(s cells.Snapshot) error {
	return newSite(s).each((*rooted).depth)
}

// CheckPaths says what is wrong if some root's list of ports does not name both
// ports of each link of its tree once, and no others.
func CheckPaths(s cells.Snapshot) error {
	return newSite(s).each((*rooted).paths)
}

// survey is an oracle that looks at a world at rest and at nothing before.
type survey func(cells.Snapshot) error

// NewSpanning, NewDepth and NewPaths give the oracles of tree/spanning,
// tree/depth and tree/paths.
func NewSpanning() cells.Oracle { return survey(CheckSpanning) }

// NewDepth gives the oracle of tree/depth.
func NewDepth() cells.Oracle { return survey(CheckDepth) }

// NewPaths gives the oracle of tree/paths.
func NewPaths() cells.Oracle { return survey(CheckPaths) }

// Kinds are none: it sees no emissions.
func (survey) Kinds() []cells.Kind { return nil }

// Observe is never called.
func (survey) Observe(des.Key, cells.Emission) error { return nil }

// Finish finds nothing; the end of a run is surveyed by those who demand it.
func (survey) Finish() error { return nil }

// Survey judges a world at rest.
func (f survey) Survey(s cells.Snapshot) error { return f(s) }

// site is what a snapshot says of trees.
type site struct {
	nodes []node // running cells that show trees, in the order of names
	index map[string]int
	roots []root
}

type node struct {
	id      string
	plain   bool
	entries map[string]string // by tree, in the words of AppendState; looked up, never ranged over
	order   []string          // of the trees it has entries of
	lists   map[string]string
	links   []side // that work, in the order of names
}

// side is one end of a link that works.
type side struct {
	own, far string // "a:p0", "b:p1"
	to       int
}

// root is a tree that must be there.
type root struct {
	tree string
	at   int
	port string // plain: the port that roots it, "a:p0"
}

// rooted is one tree, and what must be and is so of it.
type rooted struct {
	w *site
	root
	reached []int // distance by node, -1 for what cannot be reached
	parents []int // of the entries, by node; -1 for none
}

func newSite(s cells.Snapshot) *site {
	w := &site{index: make(map[string]int)}
	for _, c := range s.Cells {
		if c.Run != cells.Running {
			continue
		}
		n := node{id: string(c.ID), entries: make(map[string]string), lists: make(map[string]string)}
		reading, roots := "", false
		for _, a := range c.State {
			switch {
			case a.Name == "reading":
				reading = a.Text
			case a.Name == "root":
				roots = a.Int != 0
			case strings.HasPrefix(a.Name, "tree.") && a.Text != noTree:
				tree := a.Name[len("tree."):]
				n.entries[tree] = a.Text
				n.order = append(n.order, tree)
			case strings.HasPrefix(a.Name, "paths."):
				n.lists[a.Name[len("paths."):]] = a.Text
			}
		}
		if reading == "" {
			continue
		}
		n.plain = reading == Plain
		w.index[n.id] = len(w.nodes)
		if roots && !n.plain {
			w.roots = append(w.roots, root{tree: n.id, at: len(w.nodes)})
		}
		for _, p := range c.Ports {
			if roots && n.plain && !p.Info.Stream {
				own := n.id + ":" + p.Info.Name
				w.roots = append(w.roots, root{tree: own, at: len(w.nodes), port: own})
			}
		}
		w.nodes = append(w.nodes, n)
	}
	for _, l := range s.Links {
		w.link(l)
	}
	return w
}

// link takes a link, if it works: it carries frames, is cut in no direction,
// does not lose everything, and both ends run and read messages alike.
func (w *site) link(l cells.LinkStatus) {
	if l.Stream || dead(l.AB) || dead(l.BA) {
		return
	}
	a, _, _ := strings.Cut(l.Ends[0], ":")
	b, _, _ := strings.Cut(l.Ends[1], ":")
	i, ok1 := w.index[a]
	j, ok2 := w.index[b]
	if !ok1 || !ok2 || w.nodes[i].plain != w.nodes[j].plain {
		return
	}
	w.nodes[i].links = append(w.nodes[i].links, side{l.Ends[0], l.Ends[1], j})
	w.nodes[j].links = append(w.nodes[j].links, side{l.Ends[1], l.Ends[0], i})
}

func dead(params []cells.Param) bool {
	for _, p := range params {
		if p.Name == "cut" && p.Value != "no" {
			return true
		}
		if p.Name == "loss" {
			if r, err := des.ParseRatio(p.Value); err == nil && r.Num > 0 && r.Num == r.Den {
				return true
			}
		}
	}
	return false
}

// each judges each tree that must be there, and that there are no others.
func (w *site) each(judge func(*rooted) error) error {
	known := make(map[string]bool)
	for _, r := range w.roots {
		t := w.rooted(r)
		known[r.tree] = true
		if err := judge(t); err != nil {
			return fmt.Errorf("tree of %s: %w", r.tree, err)
		}
	}
	for i := range w.nodes {
		for _, tree := range w.nodes[i].order {
			if !known[tree] {
				return fmt.Errorf("tree of %s: %s is in it, but it has no root", tree, w.nodes[i].id)
			}
		}
	}
	return nil
}

// rooted finds what can be reached from a root. A tree of the plain reading
// goes through one port of its root.
func (w *site) rooted(r root) *rooted {
	t := &rooted{w: w, root: r, reached: make([]int, len(w.nodes)), parents: make([]int, len(w.nodes))}
	for i := range t.reached {
		t.reached[i], t.parents[i] = -1, -1
	}
	t.reached[r.at] = 0
	queue := []int{r.at}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		for _, l := range w.nodes[i].links {
			if i == r.at && r.port != "" && l.own != r.port {
				continue
			}
			if t.reached[l.to] < 0 {
				t.reached[l.to] = t.reached[i] + 1
				queue = append(queue, l.to)
			}
		}
	}
	return t
}

// field is the value of "name=" in an entry.
func field(entry, name string) string {
	for word := range strings.FieldsSeq(entry) {
		if v, ok := strings.CutPrefix(word, name); ok && strings.HasPrefix(v, "=") {
			return v[1:]
		}
	}
	return ""
}

// parent finds the link by which a node has joined.
func (t *rooted) parent(i int) (side, error) {
	n := &t.w.nodes[i]
	entry := n.entries[t.tree]
	own, far := n.id+":"+field(entry, "rootward"), field(entry, "parent")
	for _, l := range n.links {
		if l.own == own {
			if l.far != far {
				return side{}, fmt.Errorf("%s has joined by %s, but its port %s leads to %s", n.id, far, own, l.far)
			}
			return l, nil
		}
	}
	return side{}, fmt.Errorf("%s has joined by %s, a port without a link that works", n.id, own)
}

// link finds the parents of all entries.
func (t *rooted) link() error {
	for i := range t.w.nodes {
		n := &t.w.nodes[i]
		entry, in := n.entries[t.tree]
		switch {
		case in && t.reached[i] < 0:
			return fmt.Errorf("%s is in it, but cannot be reached", n.id)
		case !in && t.reached[i] >= 0:
			if i == t.at && t.port != "" && !t.linked() {
				continue // plain: a port without a neighbour roots nothing
			}
			return fmt.Errorf("%s can be reached, but is not in it", n.id)
		case !in || i == t.at:
			continue
		}
		l, err := t.parent(i)
		if err != nil {
			return err
		}
		root := t.w.nodes[t.at].entries[t.tree]
		for _, name := range []string{"instance", "generation"} {
			if a, b := field(entry, name), field(root, name); a != b {
				return fmt.Errorf("%s is in %s %q, its root in %q", n.id, name, a, b)
			}
		}
		far := strings.TrimPrefix(l.far, t.w.nodes[l.to].id+":")
		if !slices.Contains(strings.Split(field(t.w.nodes[l.to].entries[t.tree], "leafward"), ","), far) {
			return fmt.Errorf("%s has joined by %s, which does not know it", n.id, l.far)
		}
		t.parents[i] = l.to
	}
	return nil
}

func (t *rooted) linked() bool {
	return slices.ContainsFunc(t.w.nodes[t.at].links, func(l side) bool { return l.own == t.port })
}

func (t *rooted) spanning() error {
	if err := t.link(); err != nil {
		return err
	}
	children := make([]int, len(t.w.nodes))
	for i := range t.parents {
		at := i
		for range t.w.nodes {
			if at == t.at || t.parents[at] < 0 {
				break
			}
			at = t.parents[at]
		}
		if t.parents[i] >= 0 {
			children[t.parents[i]]++
			if at != t.at {
				return fmt.Errorf("from %s no way leads to the root: they go in a circle", t.w.nodes[i].id)
			}
		}
	}
	if t.port != "" {
		return nil // the plain reading does not forget who has left
	}
	for i := range t.w.nodes {
		n := &t.w.nodes[i]
		leafward := field(n.entries[t.tree], "leafward")
		if got := len(strings.FieldsFunc(leafward, func(r rune) bool { return r == ',' })); got != children[i] {
			return fmt.Errorf("%s has %s as leafward, but %d have joined by it", n.id, strconv.Quote(leafward), children[i])
		}
	}
	return nil
}

func (t *rooted) depth() error {
	if err := t.link(); err != nil {
		return err
	}
	for i := range t.parents {
		if t.parents[i] < 0 {
			continue
		}
		n, p := &t.w.nodes[i], &t.w.nodes[t.parents[i]]
		hops, err1 := strconv.Atoi(field(n.entries[t.tree], "hops"))
		above, err2 := strconv.Atoi(field(p.entries[t.tree], "hops"))
		if err1 != nil || err2 != nil || hops != above+1 {
			return fmt.Errorf("%s is %d hops from the root, but %s, by which it has joined, %d", n.id, hops, p.id, above)
		}
		if t.port == "" && hops != t.reached[i] {
			return fmt.Errorf("%s is %d hops from the root, the shortest way has %d", n.id, hops, t.reached[i])
		}
	}
	return nil
}

func (t *rooted) paths() error {
	if err := t.link(); err != nil {
		return err
	}
	names := make(map[string]int)
	list := t.w.nodes[t.at].lists[t.tree]
	for name := range strings.SplitSeq(list, ",") {
		if name != "" {
			names[name]++
		}
	}
	total := 0
	for i := range t.parents {
		if t.parents[i] < 0 {
			continue
		}
		l, err := t.parent(i)
		if err != nil {
			return err
		}
		for _, name := range []string{l.far, l.own} {
			if names[name] != 1 {
				return fmt.Errorf("the root's list names %s %d times, not once", name, names[name])
			}
			total++
		}
	}
	if total != len(names) {
		return fmt.Errorf("the root's list names %d ports, but the links of the tree have %d", len(names), total)
	}
	return nil
}
