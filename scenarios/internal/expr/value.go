package expr

import (
	"fmt"
	"strconv"
)

// Type is the type of a value.
type Type uint8

const (
	None Type = iota // a value that is not there: read as the zero of the type it is used as
	Int
	Bool
	Text
	Any // of a compile-time value: known only when it is read
)

// String is the type in words.
func (t Type) String() string {
	switch t {
	case Int:
		return "a number"
	case Bool:
		return "a truth value"
	case Text:
		return "text"
	case Any:
		return "any value"
	}
	return "nothing"
}

// Value is a number, a truth value or text. Comparable.
type Value struct {
	Type Type
	Int  int64 // Bool: 0 or 1
	Text string
}

// IntValue, BoolValue and TextValue make values.
func IntValue(n int64) Value { return Value{Type: Int, Int: n} }

// TextValue makes text.
func TextValue(s string) Value { return Value{Type: Text, Text: s} }

// BoolValue makes a truth value.
func BoolValue(b bool) Value {
	if b {
		return Value{Type: Bool, Int: 1}
	}
	return Value{Type: Bool}
}

// String prints the value as it is written in an expression.
func (v Value) String() string {
	switch v.Type {
	case Int:
		return strconv.FormatInt(v.Int, 10)
	case Bool:
		return strconv.FormatBool(v.Int != 0)
	case Text:
		return strconv.Quote(v.Text)
	}
	return "nothing"
}

// Side says which directions of a link a counter is of.
type Side uint8

const (
	Both Side = iota // the sum
	AB               // from the link's first end to its second
	BA
)

// Ref is a value that an expression reads: an attribute of a cell, or a
// counter of a link.
type Ref struct {
	Cell, Attr    string
	Link, Counter string
	Side          Side
}

// String is the reference as it may be written in an expression.
func (r Ref) String() string {
	if r.Cell != "" {
		return member(member("", "cells", r.Cell), r.Cell, r.Attr)
	}
	s := member("links", "", r.Link)
	switch r.Side {
	case AB:
		s += `["a->b"]`
	case BA:
		s += `["b->a"]`
	}
	return member(s, s, r.Counter)
}

// member writes base.name, or base["name"] where name is not an identifier;
// with an empty base, name alone, or root["name"].
func member(base, root, name string) string {
	switch {
	case !identifier(name) && base == "":
		return fmt.Sprintf("%s[%q]", root, name)
	case !identifier(name):
		return fmt.Sprintf("%s[%q]", base, name)
	case base == "":
		return name
	}
	return base + "." + name
}

func identifier(s string) bool {
	for i, c := range []byte(s) {
		if !(c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != "" && !reserved[s]
}

// reserved are names that mean something else than a cell.
var reserved = map[string]bool{
	"cells": true, "links": true, "protocol": true, "and": true, "or": true, "not": true, "in": true,
	"true": true, "false": true, "nil": true, "let": true, "if": true, "else": true, "matches": true, "contains": true,
	"startsWith": true, "endsWith": true, "now": true,
}

// Scope is what expressions can speak of. Cells and Links are in the order of
// names.
type Scope struct {
	Cells    []Cell
	Links    []Link
	Counters []string
}

// Cell is a cell that expressions can speak of.
type Cell struct {
	Name     string
	Protocol string
	Attrs    []Attr
	Open     bool // it may show more than Attrs
}

// Attr is something a cell shows.
type Attr struct {
	Name string
	Type Type
}

// Link is a link that expressions can speak of, with the names of the cells at
// its ends.
type Link struct{ Name, A, B string }

// Error is what is wrong with an expression, Offset characters from its start.
type Error struct {
	Offset int
	Msg    string
}

// Error is what is wrong.
func (e *Error) Error() string { return e.Msg }
