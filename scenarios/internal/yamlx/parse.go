package yamlx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml "gopkg.in/yaml.v3"
)

// The bounds of a document.
const (
	SizeMax  = 1 << 20 // bytes
	DepthMax = 32      // of lists and maps within each other
	NodesMax = 1 << 17 // in the tree, aliases followed
)

// Error is something wrong at a position.
type Error struct {
	Pos Pos
	Msg string
}

// Error is "file:line:column: what is wrong".
func (e Error) Error() string { return e.Pos.String() + ": " + e.Msg }

// Parse reads a document of one value. name is the File of all positions. If
// there are errors, there is no tree.
func Parse(name string, text []byte) (*Node, []Error) {
	if err, ok := check(name, text); !ok {
		return nil, []Error{err}
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, []Error{{Pos{name, 1, 1}, "empty: there is no document in the file"}}
		}
		return nil, []Error{syntaxError(name, text, err)}
	}
	var next yaml.Node
	switch err := dec.Decode(&next); {
	case err == nil:
		return nil, []Error{{Pos{name, next.Line, next.Column}, "a second document: one document a file"}}
	case !errors.Is(err, io.EOF):
		return nil, []Error{syntaxError(name, text, err)}
	}
	c := converter{file: name}
	root := c.node(doc.Content[0], 0)
	if len(c.errs) > 0 {
		return nil, c.errs
	}
	return root, nil
}

// check refuses what should not reach the parser.
func check(name string, text []byte) (Error, bool) {
	if len(text) > SizeMax {
		return Error{Pos{name, 1, 1}, fmt.Sprintf("%d bytes: at most %d (1 MiB)", len(text), SizeMax)}, false
	}
	line, column := 1, 1
	for rest := text; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && n == 1:
			return Error{Pos{name, line, column}, fmt.Sprintf("byte 0x%02x is not UTF-8", rest[0])}, false
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0x7f:
			return Error{Pos{name, line, column}, fmt.Sprintf("control character 0x%02x", r)}, false
		case r == '\n':
			line, column = line+1, 0
		}
		column++
		rest = rest[n:]
	}
	return Error{}, true
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntaxError gives a parser's error a position. The parser says a line at
// best; for a tab, its usual cause, the column is looked for.
func syntaxError(name string, text []byte, err error) Error {
	line, msg := 1, err.Error()
	if m := syntaxLine.FindStringSubmatch(strings.SplitN(msg, "\n", 2)[0]); m != nil {
		if m[1] != "" {
			line, _ = strconv.Atoi(m[1])
		}
		msg = m[2]
	}
	lines := strings.Split(string(text), "\n")
	line = min(max(line, 1), len(lines))
	// The parser's line may be that before the one it stumbled over.
	for _, l := range []int{line, line + 1} {
		if l > len(lines) {
			continue
		}
		indent := lines[l-1][:len(lines[l-1])-len(strings.TrimLeft(lines[l-1], " \t"))]
		if i := strings.IndexByte(indent, '\t'); i >= 0 {
			return Error{Pos{name, l, i + 1}, "a tab: indent with spaces"}
		}
	}
	if strings.HasPrefix(msg, "did not find expected ',' or ") {
		for _, l := range []int{line, line + 1} {
			if l > len(lines) {
				continue
			}
			if m := unquoted.FindStringSubmatchIndex(lines[l-1]); m != nil {
				return Error{Pos{name, l, utf8.RuneCountInString(lines[l-1][:m[2]]) + 1}, "not YAML: within { } and [ ] a value" +
					" with a bracket, a quote or a comma is written in quotes, such as 'links.ab[\"a->b\"].lost > 0'"}
			}
		}
	}
	return Error{Pos{name, line, 1}, "not YAML: " + msg}
}

// unquoted finds a plain value within { } or [ ] that goes on with what ends
// it there: a bracket or a quote.
var unquoted = regexp.MustCompile(`[{,[]\s*(?:[\w.-]+:\s+)?([^\s"'\[\]{},:][^,{}:]*["\[])`)

// converter turns the library's nodes into ours.
type converter struct {
	file  string
	nodes int
	open  []*yaml.Node // aliases being followed
	errs  []Error
}

// errorsMax is more than anybody wants to read at once.
const errorsMax = 100

func (c *converter) errorf(n *yaml.Node, format string, args ...any) {
	if len(c.errs) < errorsMax {
		c.errs = append(c.errs, Error{c.pos(n), fmt.Sprintf(format, args...)})
	}
}

func (c *converter) pos(n *yaml.Node) Pos { return Pos{c.file, max(n.Line, 1), max(n.Column, 1)} }

// node converts n and what is below it. A node it complains about comes back
// as an empty scalar, so that the rest is looked at too.
func (c *converter) node(n *yaml.Node, depth int) *Node {
	out := &Node{Pos: c.pos(n), Kind: Scalar}
	if c.nodes++; c.nodes > NodesMax {
		if c.nodes == NodesMax+1 {
			c.errorf(n, "too much: at most %d values, aliases followed", NodesMax)
		}
		return out
	}
	if depth > DepthMax {
		c.errorf(n, "too deep: at most %d levels", DepthMax)
		return out
	}
	if n.Style&yaml.TaggedStyle != 0 {
		c.errorf(n, "tag %s: tags are not used here", n.Tag)
		return out
	}
	switch n.Kind {
	case yaml.ScalarNode:
		out.Text = n.Value
		out.Quoted = n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	case yaml.MappingNode:
		out.Kind = Map
		c.pairs(out, n, depth)
	case yaml.SequenceNode:
		out.Kind = List
		for _, item := range n.Content {
			out.Items = append(out.Items, c.node(item, depth+1))
		}
	case yaml.AliasNode:
		for _, o := range c.open {
			if o == n.Alias {
				c.errorf(n, "alias *%s: contains itself", n.Value)
				return out
			}
		}
		c.open = append(c.open, n.Alias)
		out = c.node(n.Alias, depth)
		c.open = c.open[:len(c.open)-1]
	}
	return out
}

func (c *converter) pairs(out *Node, n *yaml.Node, depth int) {
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode:
			c.errorf(k, "a key must be a plain word")
			continue
		case k.Tag == "!!merge":
			c.errorf(k, "key <<: merge keys are not used here; kinds share settings, and aliases stand for whole values")
			continue
		}
		if line, dup := seen[k.Value]; dup {
			c.errorf(k, "key %q: it is there already, at line %d", k.Value, line)
			continue
		}
		seen[k.Value] = k.Line
		key := c.node(k, depth+1)
		out.Pairs = append(out.Pairs, Pair{key, c.node(v, depth+1)})
	}
}
