package topology

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// lineMax bounds a line of a list of edges, linesMax how many there are, so
// that comments have an end too.
const (
	lineMax  = 1 << 12
	linesMax = 1 << 23
)

// Read reads a list of edges, a line each:
//
//	# two sites
//	west                          # a node by itself
//	west east                     # a link, and nodes that are not there yet
//	west east name=backup kind=slow
//	north kind=router x=500 y=-1000
//
// What begins with # is a comment. Nodes are in the order in which they are
// first named, of kind node unless the line of one says otherwise; one that
// has no place is put on a circle. Links are in the order of the list, of kind
// link, and named after their ends where the list gives no name. The graph may
// be in pieces. Errors begin with the file's name and the line.
func Read(file string, r io.Reader) (*Graph, error) {
	e := edges{b: newBuilder(0, 0), index: make(map[string]int), names: make(map[string]int), seen: make(map[string]int)}
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, lineMax), lineMax)
	for in.Scan() {
		if e.line++; e.line > linesMax {
			return nil, fmt.Errorf("%s:%d: more than %d lines", file, e.line, linesMax)
		}
		if err := e.read(in.Text()); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, e.line, err)
		}
	}
	if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("%s:%d: the line is longer than %d bytes", file, e.line+1, lineMax-1)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	g := e.b.g
	if len(g.Nodes) == 0 {
		return nil, fmt.Errorf("%s: no nodes", file)
	}
	for i := range g.Nodes {
		if n := &g.Nodes[i]; !e.placed[i] {
			n.X, n.Y = onCircle(int64(i), int64(len(g.Nodes)))
		}
	}
	g.number()
	return g, nil
}

// edges reads a list line by line.
type edges struct {
	b      builder
	line   int
	index  map[string]int // of nodes
	placed []bool         // of nodes: the list has x and y
	seen   map[string]int // nodes that have a line: which
	names  map[string]int // of links: their lines
}

func (e *edges) read(line string) error {
	line, _, _ = strings.Cut(line, "#")
	words := strings.Fields(line)
	ends, attrs := 0, make(map[string]string)
	for _, w := range words {
		key, value, is := strings.Cut(w, "=")
		switch {
		case !is && len(attrs) > 0:
			return fmt.Errorf("%.80q: names of nodes come first", w)
		case !is:
			ends++
			continue
		}
		if _, twice := attrs[key]; twice {
			return fmt.Errorf("%s: is given twice", key)
		}
		attrs[key] = value
	}
	switch {
	case len(words) == 0:
		return nil
	case ends == 1:
		return e.node(words[0], attrs)
	case ends == 2:
		return e.link(words[0], words[1], attrs)
	}
	return fmt.Errorf("%d names: want one node, or the two ends of a link", ends)
}

// known finds a node, or makes it.
func (e *edges) known(name string) (int, error) {
	if i, ok := e.index[name]; ok {
		return i, nil
	}
	if err := checkName("node", name); err != nil {
		return 0, err
	}
	if err := bounded(int64(len(e.b.g.Nodes))+1, 0); err != nil {
		return 0, err
	}
	i := e.b.node(name, "node", 0, 0)
	e.index[name] = i
	e.placed = append(e.placed, false)
	return i, nil
}

func (e *edges) node(name string, attrs map[string]string) error {
	if err := only(attrs, "kind", "x", "y"); err != nil {
		return err
	}
	if line, twice := e.seen[name]; twice {
		return fmt.Errorf("node %s: line %d has it already", name, line)
	}
	i, err := e.known(name)
	if err != nil {
		return err
	}
	e.seen[name] = e.line
	n := &e.b.g.Nodes[i]
	if kind, ok := attrs["kind"]; ok {
		if err := checkName("kind", kind); err != nil {
			return err
		}
		n.Kind = kind
	}
	_, hasX := attrs["x"]
	_, hasY := attrs["y"]
	if hasX != hasY {
		return fmt.Errorf("node %s: x and y go together", name)
	}
	if hasX {
		e.placed[i] = true
		if n.X, err = coordinate("x", attrs["x"]); err != nil {
			return err
		}
		if n.Y, err = coordinate("y", attrs["y"]); err != nil {
			return err
		}
	}
	return nil
}

// coordinate reads a whole number that is not so large that pictures overflow.
func coordinate(axis, text string) (int64, error) {
	const most = 1 << 40
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < -most || v > most {
		return 0, fmt.Errorf("%s %.80q: want a whole number between -%d and %d", axis, text, int64(most), int64(most))
	}
	return v, nil
}

func (e *edges) link(a, b string, attrs map[string]string) error {
	if err := only(attrs, "name", "kind"); err != nil {
		return err
	}
	u, err := e.known(a)
	if err != nil {
		return err
	}
	v, err := e.known(b)
	if err != nil {
		return err
	}
	if u == v {
		return fmt.Errorf("%s %s: a link joins two nodes", a, b)
	}
	name, named := attrs["name"]
	if !named {
		name = a + "-" + b
	}
	if err := checkName("link", name); err != nil {
		if !named {
			err = fmt.Errorf("%w; give it a name=", err)
		}
		return err
	}
	if line, twice := e.names[name]; twice {
		return fmt.Errorf("link %s: line %d has the name already; give this one a name=", name, line)
	}
	kind, ok := attrs["kind"]
	if !ok {
		kind = "link"
	}
	if err := checkName("kind", kind); err != nil {
		return err
	}
	if err := bounded(0, int64(len(e.b.g.Links))+1); err != nil {
		return err
	}
	e.names[name] = e.line
	e.b.g.Links = append(e.b.g.Links, Link{Name: name, Kind: kind, Ends: [2]End{{Node: int32(u)}, {Node: int32(v)}}})
	return nil
}

// only says so if there are other attributes than these; of several, the first
// in the order of names.
func only(attrs map[string]string, allowed ...string) error {
	wrong, n := "", 0
	for key := range attrs {
		known := false
		for _, a := range allowed {
			known = known || a == key
		}
		if !known && (n == 0 || key < wrong) {
			wrong = key
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%.80q: not allowed; one of %s=", wrong, strings.Join(allowed, "=, "))
}
