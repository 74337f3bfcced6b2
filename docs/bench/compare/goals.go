package main

import (
	"fmt"
	"slices"
	"strings"
)

// A source is one thing that can be measured: a benchmark of ours, or a load
// of ns-3. Equal sources are measured once a round.
type source struct {
	pkg   string // of a benchmark: "./des"
	names string // of a benchmark: alternatives, the first that is there counts
	procs int    // processors it wants; 0 is one, and then it is pinned
	load  string // of ns-3: arguments of docs/bench/ns3
	sched string // of ns-3: a scheduler, or best: the fastest of --schedulers
}

func (s source) ours() bool { return s.load == "" }

func (s source) String() string {
	if !s.ours() {
		return "ns-3 " + s.load + " sched=" + s.sched
	}
	first, _, _ := strings.Cut(s.names, " ")
	return s.pkg + " " + first
}

// A goal is one row: two sources side by side, or a figure that one reports.
type goal struct {
	group string // what it is about, for people to pick
	what  string
	ours  source
	peer  source // zero: the figure of ours itself is judged
	unit  string // "": time an operation; else a metric that the sources report
	// most: ours over peer, at most the limit. Else peer over ours, at least it.
	most   bool
	limit  float64
	told   bool   // there is no goal, the row is told only
	once   bool   // a figure that does not vary: one round is enough
	digest bool   // the sources do the same work, and must report one digest
	worst  string // rows of one name are told as one, the worst of them
}

// best is the scheduler of ns-3 that every goal is held against; standard is
// the one that a user of ns-3 gets.
const best, standard = "best", "map"

// The names of our benchmarks, all of them.
const (
	desPkg, linksPkg, scenariosPkg = "./des", "./links", "./scenarios"

	timersName   = "BenchmarkTimers/n=100000"
	pingpongName = "BenchmarkPingpong BenchmarkPingpong/plain BenchmarkPingpong/digest"
	faultsName   = "BenchmarkPingpong/faults BenchmarkPingpongFaults"
	gridName     = "BenchmarkGrid/32x32"
	buildName    = "BenchmarkBuild/grid=1000x1000"
	worldsName   = "BenchmarkWorlds"
)

var (
	dists = []string{"exp", "uniform", "const", "bimodal", "pareto", "instant", "ties"}
	sizes = []int{100, 10_000, 1_000_000}
)

func hold(dist string, n int) source {
	return source{pkg: desPkg, names: fmt.Sprintf("BenchmarkHold/dist=%s/n=%d", dist, n)}
}

func holdOn(baseline, dist string, n int) source {
	return source{pkg: desPkg, names: fmt.Sprintf("%s/baseline=%s", hold(dist, n).names, baseline)}
}

func holdNS3(dist string, n int, sched string) source {
	return source{load: fmt.Sprintf("hold dist=%s n=%d events=1000000", dist, n), sched: sched}
}

func trace(level string) source {
	return source{pkg: linksPkg, names: "BenchmarkTrace/level=" + level, procs: 2}
}

func twice(name string, n int) source {
	return source{pkg: scenariosPkg, names: fmt.Sprintf("%s/n=%d", name, n), procs: 2}
}

// goals is the table of all rows, in the order in which they are measured and
// told. A row's sources are measured one after the other.
func goals() []goal {
	var gs []goal
	for i, n := range sizes {
		gs = append(gs,
			goal{group: "hold", what: fmt.Sprintf("hold exp n=%d, ns-3's best scheduler", n), ours: hold("exp", n), peer: holdNS3("exp", n, best), limit: []float64{3.5, 3.5, 5}[i]},
			goal{group: "hold", what: fmt.Sprintf("hold exp n=%d, ns-3's default scheduler", n), ours: hold("exp", n), peer: holdNS3("exp", n, standard), limit: []float64{5, 6, 20}[i]})
	}
	gs = append(gs,
		goal{group: "hold", what: "hold const n=10000, ns-3's best scheduler", ours: hold("const", 10_000), peer: holdNS3("const", 10_000, best), limit: 8},
		goal{group: "hold", what: "flatness: hold exp n=1000000 over n=100", ours: hold("exp", 1_000_000), peer: hold("exp", 100), most: true, limit: 3})
	for _, d := range dists {
		for _, n := range sizes {
			gs = append(gs, goal{group: "hold", what: fmt.Sprintf("hold %s n=%d, 4-ary heap", d, n), ours: hold(d, n), peer: holdOn("heap4", d, n), limit: 1, worst: "hold, the worst of all distributions, 4-ary heap"})
		}
	}
	gs = append(gs,
		goal{group: "hold", what: "hold exp n=10000, container/heap of closures", ours: hold("exp", 10_000), peer: holdOn("closures", "exp", 10_000), told: true},
		goal{group: "hold", what: "hold exp n=100, a goroutine each", ours: hold("exp", 100), peer: holdOn("goroutines", "exp", 100), told: true})
	timers, pingpong, grid := source{pkg: desPkg, names: timersName}, source{pkg: linksPkg, names: pingpongName}, source{pkg: linksPkg, names: gridName}
	gs = append(gs,
		goal{group: "timers", what: "timers n=100000, ns-3's best scheduler", ours: timers, peer: source{load: "timers n=100000 events=500000", sched: best}, limit: 15},
		goal{group: "timers", what: "timers n=100000, 4-ary heap", ours: timers, peer: source{pkg: desPkg, names: timersName + "/baseline=heap4"}, told: true},
		goal{group: "pingpong", what: "pingpong, ns-3 NetDevice", ours: pingpong, peer: source{load: "pingpong events=300000", sched: best}, limit: 30},
		goal{group: "pingpong", what: "pingpong, ns-3 UDP sockets", ours: pingpong, peer: source{load: "udp events=50000", sched: best}, limit: 180},
		goal{group: "pingpong", what: "pingpong with loss and bit errors, over without", ours: source{pkg: linksPkg, names: faultsName}, peer: pingpong, most: true, told: true},
		goal{group: "grid", what: "grid 32x32, ns-3 NetDevice, best scheduler", ours: grid, peer: source{load: "grid n=32 events=150000", sched: best}, limit: 25},
	)
	gs = append(gs, traceGoals()...)
	gs = append(gs, parallelGoals()...)
	return append(gs, figureGoals(timers, pingpong, grid)...)
}

// traceGoals are what it costs to keep what happens.
func traceGoals() []goal {
	off := trace("off")
	return []goal{
		{group: "trace", what: "trace of level choices, over none", ours: trace("choices"), peer: off, most: true, limit: 1.05},
		{group: "trace", what: "trace of level events, over none", ours: trace("events"), peer: off, most: true, limit: 1.5},
		{group: "trace", what: "trace of level payloads, over none", ours: trace("payloads"), peer: off, most: true, told: true},
		{group: "trace", what: "digest, over none", ours: off, peer: trace("nodigest"), most: true, limit: 1.25},
	}
}

// parallelGoals are what a second processor gains.
func parallelGoals() []goal {
	var gs []goal
	for _, topo := range []string{"grid", "tree"} {
		name := "BenchmarkParallel/topo=" + topo
		gs = append(gs, goal{group: "parallel", what: "two partitions of a " + topo + ", one", ours: twice(name, 2), peer: twice(name, 1), limit: 1.8, digest: true})
	}
	return append(gs, goal{group: "jobs", what: "--jobs 2, --jobs 1", ours: twice("BenchmarkJobs", 2), peer: twice("BenchmarkJobs", 1), limit: 1.9})
}

// figureGoals are figures of our own that have a limit: allocations and memory.
func figureGoals(timers, pingpong, grid source) []goal {
	const allocs, cell = "allocs/op", "bytes/cell"
	steady := []source{timers, pingpong, {pkg: linksPkg, names: faultsName}, grid}
	for _, d := range dists {
		for _, n := range sizes {
			steady = append(steady, hold(d, n))
		}
	}
	var gs []goal
	for _, s := range steady {
		first, _, _ := strings.Cut(s.names, " ")
		gs = append(gs, goal{group: "memory", what: "allocations an event, " + first, ours: s, unit: allocs, most: true, once: true, worst: "allocations an event, the worst of all loads"})
	}
	build := source{pkg: linksPkg, names: buildName}
	return append(gs,
		goal{group: "memory", what: "bytes a cell with its two links", ours: build, unit: cell, most: true, limit: 300, once: true},
		goal{group: "memory", what: "bytes a cell with its two links, ns-3", ours: build, peer: source{load: "grid n=128 events=10000", sched: best}, unit: cell, once: true, told: true},
		goal{group: "worlds", what: "a whole small world, built, run and judged", ours: source{pkg: scenariosPkg, names: worldsName}, once: true, told: true})
}

// pick gives the rows that have all the words of one of the arguments, or are
// of the group it names; all rows without arguments.
func pick(gs []goal, args []string) []goal {
	if len(args) == 0 {
		return gs
	}
	return slices.DeleteFunc(gs, func(g goal) bool {
		return !slices.ContainsFunc(args, func(arg string) bool {
			if arg == g.group {
				return true
			}
			return !slices.ContainsFunc(strings.Fields(arg), func(w string) bool { return !g.says(w) })
		})
	})
}

// says reports whether the row has a word. One with an = is a word as a whole:
// n=100 is not the beginning of n=10000.
func (g goal) says(word string) bool {
	if strings.Contains(word, "=") {
		return slices.Contains(strings.FieldsFunc(g.what, func(r rune) bool { return r == ' ' || r == ',' }), word)
	}
	return strings.Contains(g.what, word)
}

// groups gives the names of the groups, in order.
func groups(gs []goal) []string {
	var names []string
	for _, g := range gs {
		if !slices.Contains(names, g.group) {
			names = append(names, g.group)
		}
	}
	return names
}
