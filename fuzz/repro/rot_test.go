package repro_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

var kindLogged = cells.NewKind("rot-test-log", "a", "b")

// chatty is a protocol as a refactoring leaves it: it draws a number more, for
// a purpose of its own, and logs a line at each event.
type chatty struct {
	cells.Protocol
	jitter *cells.Rand
}

func (c *chatty) log(e cells.Env, text string) {
	c.jitter.N(10)
	e.EmitText(kindLogged, text)
}

func (c *chatty) Start(e cells.Env) {
	c.jitter = e.Rand("rot-test")
	c.log(e, "starts")
	c.Protocol.Start(e)
}

func (c *chatty) Recv(e cells.Env, p cells.Port, b []byte) {
	c.log(e, "receives")
	c.Protocol.Recv(e, p, b)
}

func (c *chatty) Timer(e cells.Env, id cells.TimerID) {
	c.Protocol.Timer(e, id)
	c.log(e, "has waited")
}

// What a protocol can do besides, its chatty form can do too.
type (
	inspected struct {
		*chatty
		cells.Inspector
	}
	commanded struct {
		inspected
		cells.Commander
	}
	durable struct {
		commanded
		cells.Durable
	}
	drained struct {
		commanded
		cells.Drainer
	}
)

func refactored(p cells.Protocol) cells.Protocol {
	c := &chatty{Protocol: p}
	i, is := p.(cells.Inspector)
	if !is {
		return c
	}
	k, is := p.(cells.Commander)
	if !is {
		return inspected{c, i}
	}
	with := commanded{inspected{c, i}, k}
	if d, is := p.(cells.Durable); is {
		return durable{with, d}
	}
	if d, is := p.(cells.Drainer); is {
		return drained{with, d}
	}
	return with
}

// another is the default registry after the refactoring.
func another() *scenarios.Registry {
	reg := scenarios.NewRegistry()
	for _, p := range scenarios.Default.Protocols() {
		make := p.New
		p.New = func(cfg any) (cells.Protocol, error) {
			made, err := make(cfg)
			if err != nil {
				return nil, err
			}
			return refactored(made), nil
		}
		reg.RegisterProtocol(p)
	}
	for _, p := range scenarios.Default.Properties() {
		reg.RegisterProperty(p)
	}
	return reg
}

// withUnusedCell is a world with a cell more that is joined to nobody, before
// all others in their order.
func withUnusedCell(t *testing.T, w repro.World) repro.World {
	t.Helper()
	sc, err := w.Scenario(nil)
	if err != nil {
		t.Fatal(err)
	}
	spec := sc.Initial[0].Cell
	spec.ID, spec.Ports = "aaa", nil
	spec.Params = slices.DeleteFunc(slices.Clone(spec.Params), func(p cells.Param) bool { return p.Name == "messages" })
	sc.Initial = append([]cells.Change{{Op: cells.AddCell, Cell: spec}}, sc.Initial...)
	if w, err = w.With(sc); err != nil {
		t.Fatal(err)
	}
	return w
}

// A refactoring that adds a draw, a log line and an unused cell leaves every
// repro as it was: those that are kept, and one of each canary.
func TestReprosOutliveARefactoring(t *testing.T) {
	files := make(map[string]*repro.File)
	for _, name := range canaries(t) {
		for seed := uint64(1); seed <= 3; seed++ {
			files[fmt.Sprint(name, seed)] = kept(t, name, seed)
		}
	}
	list, err := filepath.Glob("../../scenarios/*/testdata/*" + repro.Ext)
	if err != nil || len(list) == 0 {
		t.Fatalf("no kept failures: %v", err)
	}
	for _, path := range list {
		f, err := repro.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = f
	}
	reg := another()
	reproduced, other := 0, 0
	for name, f := range files {
		before := f.Digest
		f.World = withUnusedCell(t, f.World)
		r, err := f.Check(context.Background(), repro.Options{Registry: reg})
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != repro.Reproduced || len(r.Moved) > 0 {
			t.Errorf("%s: %s %s, moved %v", name, r.Status, r.Why, r.Moved)
			continue
		}
		reproduced++
		if r.Outcome.Digest != before {
			other++
		}
	}
	if other != reproduced {
		t.Errorf("the refactoring left %d of %d digests as they were: it did nothing", reproduced-other, reproduced)
	}
	t.Logf("%d of %d repros reproduced", reproduced, len(files))
}
