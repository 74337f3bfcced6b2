package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"
)

// A meter measures sources.
type meter struct {
	root, dir  string // of the module, and for what is built
	benchtime  string
	pin        []string // the command that keeps a process on one processor
	ns3        string   // the program
	ns3Missing string   // or why there is none
	schedulers []string // which best chooses from
	binaries   map[string]binary
	used       time.Duration // processor time of our measurements so far
	progress   io.Writer
}

// A report is what a run of all rounds found.
type report struct {
	rows        []*row
	rounds      int
	calibration []float64 // ns, of each round
	busy        []string  // rounds in which the machine was not idle
	pinned      bool
	machine     string
	schedulers  []string // of ns-3, if it was measured
	leftOut     string   // why it was not
}

// calibration is the loop whose time has nothing to do with dsim: it tells a
// machine that changed from a program that did.
var calibration = source{pkg: "./docs/bench/compare", names: "BenchmarkCalibration"}

// rounds measures every source of the goals once a round. Sources follow each
// other as their rows do, so that the two of a pair are neighbours in time.
func (m *meter) rounds(gs []goal, n int) *report {
	rep := &report{rounds: n, pinned: m.pin != nil, machine: machine()}
	if rep.leftOut = m.ns3Missing; m.ns3 != "" {
		rep.schedulers = m.schedulers
	}
	rows := make([]*row, len(gs))
	for i, g := range gs {
		rows[i] = &row{goal: g, what: g.what}
	}
	m.compileAll(gs)
	for round := 1; round <= n; round++ {
		fmt.Fprintf(m.progress, "round %d of %d\n", round, n)
		loaded, errBefore := before()
		at, errAt := readTicks()
		used := m.used
		if s, err := m.measure(calibration); err == nil {
			rep.calibration = append(rep.calibration, s.ns)
		}
		m.round(rows, round)
		end, errEnd := readTicks()
		others, errShare := share(at, end, m.used-used)
		switch err := errors.Join(errBefore, errAt, errEnd, errShare); {
		case err != nil && round == 1:
			rep.busy = append(rep.busy, "the load of the machine is not known: "+errors.Join(errBefore, errAt, errEnd).Error())
		case err != nil:
		case loaded > busyBefore || others > busyDuring:
			rep.busy = append(rep.busy, fmt.Sprintf("round %d: %.0f%% of the machine was busy before it, %.0f%% with other work during it", round, 100*loaded, 100*others))
		}
	}
	rep.rows = foldWorst(rows)
	return rep
}

// compileAll builds before the first round what all need, so that no compiler
// runs in one.
func (m *meter) compileAll(gs []goal) {
	m.compiled(calibration.pkg)
	for _, g := range gs {
		for _, s := range []source{g.ours, g.peer} {
			if s.pkg != "" {
				m.compiled(s.pkg)
			}
		}
	}
}

// round measures what the rows want, each source once.
func (m *meter) round(rows []*row, round int) {
	type outcome struct {
		sample
		err error
	}
	done := map[source]outcome{}
	get := func(s source) (sample, error) {
		o, ok := done[s]
		if !ok {
			o.sample, o.err = m.measure(s)
			done[s] = o
		}
		return o.sample, o.err
	}
	for _, r := range rows {
		if r.goal.once && round > 1 {
			continue
		}
		ours, err := get(r.goal.ours)
		var peer sample
		var errPeer error
		if r.goal.peer != (source{}) {
			peer, errPeer = get(r.goal.peer)
		}
		r.add(ours, peer, errors.Join(err, errPeer))
	}
}

// measure runs one source once.
func (m *meter) measure(s source) (sample, error) {
	if !s.ours() {
		return m.load(s)
	}
	procs := max(1, s.procs)
	if procs > runtime.NumCPU() {
		return sample{}, fmt.Errorf("%s wants %d processors, and here is %d", s, procs, runtime.NumCPU())
	}
	found, err := m.bench(s.pkg, strings.Fields(s.names), procs, m.benchtime)
	if err != nil {
		return sample{}, err
	}
	r, ok := choose(found, s.names)
	if !ok {
		return sample{}, fmt.Errorf("there is no benchmark %s", s)
	}
	return r, nil
}
