// Package linear judges request/reply protocols: a history of calls and returns
// is linearizable if each operation looks as if it happened at one instant
// between its call and its return (Herlihy and Wing, "Linearizability", TOPLAS
// 1990). The search for such instants is porcupine's; this package turns what
// cells emit into histories, and gives oracles.
//
//	func NewOracle() cells.Oracle {
//		return linear.New(linear.Model{
//			Invoke: KindInvoke, Return: KindReturn,
//			Object: func(call linear.Op) int64 { return call.A >> 1 },
//			Step:   func(state int64, call, answer linear.Op) (bool, int64) { … },
//		})
//	}
//
// Each cell does one operation at a time. One that calls again without having
// returned has died in between: the operation it was at may have happened, or
// not, or may still happen.
//
// The search may take exponential time, so it has a bound: of steps of the
// model, not of the machine's time, so that a run is judged alike everywhere.
// Beyond it the property is inconclusive. Objects are judged each by itself,
// which loses nothing: a history is linearizable if each object's is.
package linear

import (
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"github.com/anishathalye/porcupine"
)

// Op is one emission of a cell: a call or a return.
type Op struct {
	A, B int64
	// Unknown says of a return that none came: the operation may have had any
	// effect, or none.
	Unknown bool
}

// Model says what operations mean.
type Model struct {
	Invoke, Return cells.Kind
	// Object is what an operation works on; nil if there is one object. It must
	// follow from the call alone.
	Object func(call Op) int64
	// Init is an object's first state.
	Init int64
	// Step says whether an operation may answer so in a state, and gives the
	// state after it. It must be a pure function.
	Step func(state int64, call, answer Op) (ok bool, next int64)
	// Describe tells an operation to people: "read 3".
	Describe func(call, answer Op) string
	// Steps bounds the search in an object's history; 0 for StepsDefault.
	Steps uint64
}

// StepsDefault is how many steps a search may take, OperationsMax how many
// operations of an object are kept.
const (
	StepsDefault  = 2_000_000
	OperationsMax = 20_000
)

// first is the number of returns after which a history is first looked at; then
// it is looked at each time it has grown by half, so that a failure is found
// while the run is at most half as long again, and looking costs little.
const first = 8

// New gives an oracle for a model.
func New(m Model) cells.Oracle {
	if m.Steps == 0 {
		m.Steps = StepsDefault
	}
	return &oracle{model: m, objects: make(map[int64]*history), open: make(map[cells.ID]*pending)}
}

type oracle struct {
	model   Model
	objects map[int64]*history // looked up, never ranged over
	list    []*history         // the same, in the order of their first calls
	open    map[cells.ID]*pending
	why     string // it could not decide
}

// history is what happened to an object.
type history struct {
	object  int64
	events  []event
	calls   int
	returns int
	next    int // look at so many returns
}

// event is a call or a return of operation id.
type event struct {
	op     Op
	cell   cells.ID
	id     int
	answer bool
}

// pending is an operation that has not returned.
type pending struct {
	h  *history
	id int
}

// Kinds are the emissions the oracle reads.
func (o *oracle) Kinds() []cells.Kind { return []cells.Kind{o.model.Invoke, o.model.Return} }

// Observe takes one emission.
func (o *oracle) Observe(_ des.Key, m cells.Emission) error {
	op := Op{A: m.A, B: m.B}
	if m.Kind == o.model.Invoke {
		h := o.object(op)
		if h.calls >= OperationsMax {
			o.give(fmt.Sprintf("more than %d operations on one object", OperationsMax))
			delete(o.open, m.Cell)
			return nil
		}
		h.events = append(h.events, event{op, m.Cell, h.calls, false})
		o.open[m.Cell] = &pending{h, h.calls}
		h.calls++
		return nil
	}
	p := o.open[m.Cell]
	switch {
	case p == nil && o.why != "":
		return nil // its call was not kept
	case p == nil:
		return fmt.Errorf("%s returns from an operation that it did not call", m.Cell)
	}
	delete(o.open, m.Cell)
	h := p.h
	h.events = append(h.events, event{op, m.Cell, p.id, true})
	h.returns++
	if h.returns < h.next {
		return nil
	}
	h.next += max(first, h.returns/2)
	return o.look(h)
}

func (o *oracle) object(call Op) *history {
	key := int64(0)
	if o.model.Object != nil {
		key = o.model.Object(call)
	}
	h := o.objects[key]
	if h == nil {
		h = &history{object: key, next: first}
		o.objects[key] = h
		o.list = append(o.list, h)
	}
	return h
}

// Finish looks at all histories once more.
func (o *oracle) Finish() error {
	for _, h := range o.list {
		if err := o.look(h); err != nil {
			return err
		}
	}
	return nil
}

// Undecided says why the oracle could not decide.
func (o *oracle) Undecided() string { return o.why }

func (o *oracle) give(why string) {
	if o.why == "" {
		o.why = "linearizability not decided: " + why
	}
}

// look judges a history as far as it has come.
func (o *oracle) look(h *history) error {
	if o.why != "" {
		return nil
	}
	switch o.judge(h.events) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		o.give(fmt.Sprintf("%d operations on one object took more than %d steps", h.calls, o.model.Steps))
		return nil
	}
	return o.explain(h)
}

// explain finds the return that no order explains: of a history that is not
// linearizable, no longer one is, so it is found by halving.
func (o *oracle) explain(h *history) error {
	good, bad := 0, len(h.events)
	for good+1 < bad {
		mid := (good + bad) / 2
		if o.judge(h.events[:mid]) == porcupine.Illegal {
			bad = mid
		} else {
			good = mid
		}
	}
	last := h.events[bad-1]
	text := "an operation"
	if o.model.Describe != nil {
		for _, e := range h.events {
			if e.id == last.id && !e.answer {
				text = o.model.Describe(e.op, last.op)
			}
		}
	}
	return fmt.Errorf("not linearizable: %s returns from %s, operation %d of its object, and no order of the operations explains it", last.cell, text, last.id)
}

// judge searches for an order. Calls without a return get an unknown one at the
// end.
func (o *oracle) judge(events []event) porcupine.CheckResult {
	list := make([]porcupine.Event, 0, len(events)+8)
	returned := make(map[int]bool)
	for _, e := range events {
		kind := porcupine.CallEvent
		if e.answer {
			kind = porcupine.ReturnEvent
			returned[e.id] = true
		}
		list = append(list, porcupine.Event{Kind: kind, Value: e.op, Id: e.id})
	}
	for _, e := range events {
		if !e.answer && !returned[e.id] {
			list = append(list, porcupine.Event{Kind: porcupine.ReturnEvent, Value: Op{Unknown: true}, Id: e.id})
		}
	}
	steps := uint64(0)
	// There is one partition, so that one search counts, and no time is set: the
	// answer depends on the history alone.
	ok := porcupine.CheckEvents(porcupine.Model{
		Init: func() any { return o.model.Init },
		Step: func(state, call, answer any) (bool, any) {
			if steps >= o.model.Steps {
				return false, state
			}
			steps++
			return o.step(state.(int64), call.(Op), answer.(Op))
		},
		Hash: func(state any) uint64 { return uint64(state.(int64)) * 0x9e3779b97f4a7c15 },
	}, list)
	switch {
	case ok:
		return porcupine.Ok
	case steps >= o.model.Steps:
		return porcupine.Unknown
	}
	return porcupine.Illegal
}

func (o *oracle) step(state int64, call, answer Op) (bool, any) {
	ok, next := o.model.Step(state, call, answer)
	return ok, next
}
