package repro_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/fuzz/explore"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

// runs is what a protocol must not have: state that outlives a world.
var runs atomic.Int64

// leaky tells at its start how often it has been started in this process.
type leaky struct{ cells.Protocol }

func (l leaky) Start(e cells.Env) {
	e.EmitText(kindLogged, strconv.FormatInt(runs.Add(1), 10))
	l.Protocol.Start(e)
}

func leaking() *scenarios.Registry {
	reg := scenarios.NewRegistry()
	for _, p := range scenarios.Default.Protocols() {
		make := p.New
		p.New = func(cfg any) (cells.Protocol, error) {
			made, err := make(cfg)
			return leaky{made}, err
		}
		p.State = nil
		reg.RegisterProtocol(p)
	}
	for _, p := range scenarios.Default.Properties() {
		reg.RegisterProperty(p)
	}
	return reg
}

const leakyWorld = `version: 1
name: leaky
cells:
  alice: {protocol: abp, role: sender, messages: 5}
  bob: {protocol: abp, role: receiver, bug: ignore-bit}
links:
  ab: {between: [alice:p0, bob:p0], delay: 1ms, loss: 50%}
expect:
  - {always: abp/exactly-once-in-order}
run: {until: 1s}
`

func TestTwoRunsThatDifferAreFlaky(t *testing.T) {
	w := repro.World{Name: "leaky.yaml", Text: []byte(leakyWorld)}
	f := &repro.File{World: w, Signature: repro.Signature{Property: "abp/exactly-once-in-order"}}
	r, err := f.Check(context.Background(), repro.Options{Registry: leaking()})
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != repro.Flaky || r.Divergence == nil || r.Divergence.Cell != "alice" {
		t.Errorf("%s, first difference %v; want flaky, by alice", r.Status, r.Divergence)
	}
}

func TestExploringNoticesThatRunsDiffer(t *testing.T) {
	src, err := scenarios.Parse("leaky.yaml", []byte(leakyWorld))
	if err != nil {
		t.Fatal(err)
	}
	x, err := explore.New(context.Background(), explore.Options{Source: src, First: 1, Last: 20, Registry: leaking()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := x.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.Broken == nil || r.Broken.Difference == nil || r.Rechecked == 0 {
		t.Errorf("%+v of %d worlds run twice, want a difference", r.Broken, r.Rechecked)
	}
}
