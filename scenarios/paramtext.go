package scenarios

import (
	"strings"

	"example.com/dsim/cells"
)

// ParseParams takes parameters apart that are written "name=value".
func ParseParams(list ...string) []cells.Param {
	var out []cells.Param
	for _, s := range list {
		name, value, _ := strings.Cut(s, "=")
		out = append(out, cells.Param{Name: name, Value: value})
	}
	return out
}

// ParseEnd takes "cell:port" apart; without a port it is a cell.
func ParseEnd(s string) cells.Endpoint {
	cell, port, _ := strings.Cut(s, ":")
	return cells.Endpoint{Cell: cells.ID(cell), Port: port}
}
