// Ringsim is dsim with a protocol of its own: the token ring of the example
// beside it. Every subcommand knows it, as it knows those that are shipped.
//
//	go run ./docs/examples/ringsim run docs/examples/ringsim/ring.yaml --seed 42
//	go run ./docs/examples/ringsim explore docs/examples/ringsim/any.yaml
//	go run ./docs/examples/ringsim live docs/examples/ringsim/ring.yaml
package main

import (
	"example.com/dsim/cells"
	"example.com/dsim/cmd/dsim/command"
	"example.com/dsim/docs/examples/tokenring"
	"example.com/dsim/scenarios"
)

func init() {
	scenarios.RegisterProtocol(scenarios.Protocol{
		Name: "ring", Doc: "a token that goes round",
		Config: func() any { return new(tokenring.Config) },
		New:    func(c any) (cells.Protocol, error) { return tokenring.New(*c.(*tokenring.Config)) },
	})
	scenarios.RegisterProperty(scenarios.Property{
		Name: "ring/one-place", Doc: "a token is in one place at a time", New: tokenring.NewOracle,
	})
}

func main() { command.Main() }
