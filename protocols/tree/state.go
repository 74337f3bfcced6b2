package tree

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"example.com/dsim/cells"
)

// kept is what a restart with kept state keeps of a tree: that it takes no old
// offer for a new one, and executes nothing twice.
type kept struct {
	Root       string
	Start      uint64
	Salt       uint64
	Generation uint64
	Hops       uint64
	Last       uint64
	Admitted   bool
	Floor      uint64
}

type saved struct {
	Began    bool
	Counters Counters
	Trees    []kept
}

// Save gives what a restart with kept state needs.
func (c *cell) Save() []byte {
	s := saved{Began: c.began, Counters: c.Counters, Trees: c.restored}
	for _, t := range c.trees {
		if t == c.own {
			continue // its instance ends with this life
		}
		s.Trees = append(s.Trees, kept{t.root, t.start, t.salt, t.generation, t.hops, t.last, t.admitted, t.floor})
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic("tree: " + err.Error())
	}
	return b
}

// Restore takes a state that Save gave.
func (c *cell) Restore(b []byte) error {
	var s saved
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("tree: kept state: %w", err)
	}
	for _, k := range s.Trees {
		if !isName([]byte(k.Root)) {
			return fmt.Errorf("tree: kept state: root %q: is no name", k.Root)
		}
	}
	if len(s.Trees) > treesMax {
		return fmt.Errorf("tree: kept state: %d trees, at most %d are possible", len(s.Trees), treesMax)
	}
	c.began, c.Counters, c.restored = s.Began, s.Counters, s.Trees
	return nil
}

func (c *cell) recall(k kept) {
	if k.Root == c.self {
		return
	}
	t := c.tree(k.Root)
	t.epoch = epoch{instance{k.Start, k.Salt}, k.Generation}
	t.hops, t.last, t.admitted, t.floor = k.Hops, k.Last, k.Admitted, k.Floor
	t.started()
}

// AppendState shows the cell's counters, and what it knows of each tree:
//
//	tree.ROOT   hops=2 rootward=p0 parent=b:p1 instance=… generation=3 leafward=p1,p2
//	paths.ROOT  of the own tree: the ports that have joined it
func (c *cell) AppendState(a []cells.Attr) []cells.Attr {
	trees := 0
	for _, t := range c.trees {
		if t.valid {
			trees++
		}
	}
	members := 0
	if c.own != nil {
		c.ownPaths()
		members = c.own.members
	}
	for _, x := range []struct {
		name string
		n    uint64
	}{
		{"trees", uint64(trees)},
		{"members", uint64(members)},
		{"pending", uint64(len(c.pending))},
		{"left", c.Left},
		{"builds_sent", c.Builds},
		{"acks_sent", c.Acks},
		{"invalidations", c.Invalidations},
		{"repairs", c.Repairs},
		{"joined", c.Joined},
		{"abandoned", c.Abandoned},
		{"generations", c.Generations},
		{"lists_cut", c.Cut},
		{"transactions_started", c.Started},
		{"transactions_completed", c.Completed},
		{"transactions_partial", c.Partial},
		{"transactions_timed_out", c.TimedOut},
		{"last_cells", c.LastCells},
		{"requests_seen", c.Requests},
		{"executed", c.Executed},
		{"refused", c.Refused},
		{"replies_seen", c.Replies},
		{"replies_late", c.LateBack},
		{"tokens_back", c.Tokens},
		{"data_sent", c.DataSent},
		{"data_delivered", c.DataDelivered},
		{"data_lost", c.DataLost},
		{"malformed", c.Malformed},
	} {
		a = append(a, cells.IntAttr(x.name, int64(x.n)))
	}
	a = append(a, cells.BoolAttr("root", c.config.Root), cells.TextAttr("reading", Ours))
	for _, t := range c.trees {
		if t.shown == "" {
			t.shown = c.show(t)
		}
		a = append(a, cells.TextAttr(t.attr, t.shown))
	}
	if c.own != nil {
		a = append(a, cells.TextAttr("paths."+c.self, c.own.paths))
	}
	return a
}

// ownPaths makes the list of ports of the own tree, if it has changed.
func (c *cell) ownPaths() {
	t := c.own
	if t.members > 0 {
		return
	}
	b := c.appendList(nil, t, 0)
	t.paths = string(b)
	t.members = 1
	if len(b) > 0 {
		t.members += (bytes.Count(b, []byte{','}) + 1) / 2
	}
}

func joinedText(t *tree, port string) string {
	return t.root + " hops " + strconv.FormatUint(t.hops, 10) + " by " + port
}

// noTree is what is shown of a tree that the cell is not in.
const noTree = "none"

func (c *cell) show(t *tree) string {
	if !t.valid {
		return noTree
	}
	b := strconv.AppendUint([]byte("hops="), t.hops, 10)
	if t != c.own {
		p := &c.ports[t.rootward]
		b = append(append(b, " rootward="...), p.name...)
		b = append(append(b, " parent="...), p.peer...)
	}
	b = append(append(b, " instance="...), t.instance.String()...)
	b = strconv.AppendUint(append(b, " generation="...), t.generation, 10)
	b = append(b, " leafward="...)
	comma := false
	for i := range t.ends {
		if !t.ends[i].child {
			continue
		}
		if comma {
			b = append(b, ',')
		}
		comma = true
		b = append(b, c.ports[i].name...)
	}
	return string(b)
}
