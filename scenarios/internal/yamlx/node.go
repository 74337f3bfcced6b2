// Package yamlx reads one YAML document into a tree of nodes with positions.
//
// It is the only importer of a YAML library, so that the library can be
// changed in one place, and it is strict where YAML is generous: one document,
// UTF-8, at most 1 MiB, no duplicate or composite keys, no tags, no merge
// keys. Scalars are left as the text that was written: whether "0x10", "1_000"
// or "2001-01-01" means anything is decided by whoever wants a value, so that
// no guess of YAML's stands between the file and the reader.
//
// Anchors and aliases are followed, by copying, up to a bound on the size of
// the whole tree.
//
//	root, errs := yamlx.Parse("lossy.yaml", text)
//	loss := root.Get("links").Get("ab").Get("loss")
//	fmt.Println(loss.Pos, loss.Text) // lossy.yaml:7:34 10%
package yamlx

import (
	"fmt"
	"slices"
)

// Kind says what a Node is.
type Kind uint8

const (
	Scalar Kind = iota + 1
	Map
	List
)

// String is the kind in words.
func (k Kind) String() string {
	switch k {
	case Scalar:
		return "a value"
	case Map:
		return "a map"
	case List:
		return "a list"
	}
	return "nothing"
}

// Pos is where a node was written. Line and Column count from 1, Column in
// characters. A node that is not from a file has a File that says where it is
// from, and Line 0.
type Pos struct {
	File         string
	Line, Column int
}

// String is "file:line:column".
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Compare orders positions as they are read; those outside files come last.
func (p Pos) Compare(o Pos) int {
	if (p.Line == 0) != (o.Line == 0) {
		if p.Line == 0 {
			return 1
		}
		return -1
	}
	if p.Line != o.Line {
		return p.Line - o.Line
	}
	return p.Column - o.Column
}

// Node is a value in the tree. A nil *Node is a value that is not there.
type Node struct {
	Pos    Pos
	Kind   Kind
	Text   string // Scalar: what was written, without quotes
	Quoted bool   // Scalar: quoted, or a block: it is meant as text
	Pairs  []Pair // Map, in the order of the file
	Items  []*Node
}

// Pair is an entry of a map. Key is a Scalar.
type Pair struct{ Key, Value *Node }

// IsNull reports whether the node is there but empty: nothing, ~ or null.
func (n *Node) IsNull() bool {
	return n != nil && n.Kind == Scalar && !n.Quoted && (n.Text == "" || n.Text == "~" || n.Text == "null")
}

// Get is the value under a key of a map, nil if there is none.
func (n *Node) Get(key string) *Node {
	if p := n.pair(key); p != nil {
		return p.Value
	}
	return nil
}

// Key is the key node of an entry of a map, nil if there is none.
func (n *Node) Key(key string) *Node {
	if p := n.pair(key); p != nil {
		return p.Key
	}
	return nil
}

func (n *Node) pair(key string) *Pair {
	if n == nil || n.Kind != Map {
		return nil
	}
	i := slices.IndexFunc(n.Pairs, func(p Pair) bool { return p.Key.Text == key })
	if i < 0 {
		return nil
	}
	return &n.Pairs[i]
}

// Put sets the value under a key of a map.
func (n *Node) Put(key, value *Node) {
	if p := n.pair(key.Text); p != nil {
		*p = Pair{key, value}
		return
	}
	n.Pairs = append(n.Pairs, Pair{key, value})
}

// Clone is a deep copy.
func (n *Node) Clone() *Node {
	if n == nil {
		return nil
	}
	c := *n
	c.Pairs = slices.Clone(n.Pairs)
	for i, p := range c.Pairs {
		c.Pairs[i] = Pair{p.Key.Clone(), p.Value.Clone()}
	}
	c.Items = slices.Clone(n.Items)
	for i, item := range c.Items {
		c.Items[i] = item.Clone()
	}
	return &c
}

// Move gives the node and all below it one position.
func (n *Node) Move(p Pos) {
	n.Pos = p
	for _, e := range n.Pairs {
		e.Key.Move(p)
		e.Value.Move(p)
	}
	for _, item := range n.Items {
		item.Move(p)
	}
}
