// Package scenarios reads scenarios: what happens in a world and what must
// hold in it, as data.
//
// A scenario is a YAML file. [Load] and [Parse] give a [Source]; Source.Build
// understands it for one seed and gives a [Scenario]: a first batch of
// [cells.Change]s that sets the world up, a timeline of [Action]s that are
// batches and commands for a [cells.Datacenter], and [Expectation]s. Names of
// protocols and properties are looked up in a [Registry].
//
//	src, err := scenarios.Load("lossy.yaml")
//	sc, err := src.Build(scenarios.BuildOptions{Seed: des.SeedOf(7), Set: []string{"links.ab.loss=5%"}})
//	err = datacenter.Apply(1, sc.Initial)
//
// # Strictness
//
// A key that is not known and a value that does not fit are errors, each on a
// line of its own: where, what is wrong, and what is allowed or was probably
// meant. All of a file's errors are told at once, up to [ErrorsMax]. Whatever
// has a unit wants it written: 10ms, 100Mbit, 64KiB, 50ppm, 10%. A file is at
// most 1 MiB of UTF-8 with one document; keys are not repeated, values not
// empty; tags and merge keys (<<) are refused, aliases followed up to a bound.
//
// # Cells, links, kinds
//
// A cell is a protocol, its parameters, its ports and its clock. Cells that
// declare no ports have those that links of the file use, in the order of
// their names, numbers in them read as numbers. A link is two ports, or two
// cells if it carries streams, and parameters: of both directions, or of one
// under "alice->bob", or under "a->b" and "b->a" by the order of its ends.
// Parameters with dots are also written in groups: burst: {enter: 1%}.
//
// A cell or link takes what it does not say itself from its kind, a kind from
// the one it extends, and all from defaults. What a stronger map says for both
// directions replaces what a weaker one says for one.
//
// # Topologies
//
// Cells and links are also made by a rule, one of those of package topology:
//
//	topology:
//	  grid: {rows: 10, cols: 10}       # or ring: 12, fat-tree: 4, edges: [a b, b c], …
//	  cells: {protocol: tree}          # for all its cells
//	  kinds: {corner: {rto: 20ms}}     # for those of a kind
//	  links: {delay: 1ms}
//	  link-kinds: {row: {kind: lossy}}
//	  prefix: west-                    # before all names
//	roots: 4
//
// There may be a list of topologies. A cell under cells, or a link under links,
// that has the name of one of a topology changes that one, any other is added.
// Sizes may be drawn. What is drawn for cells or links of a topology is drawn
// for each by itself, under its own path: cells.r0c1.rto. A map of a kind is
// stronger than that for all, and the cell's own map is stronger than both.
//
// With roots, the parameter root of all cells whose protocol has one is
// decided in one place: [r0c0, r9c9] are roots, or so many, spread evenly over
// the cells in the order of names, or so many that are drawn, {drawn: 4}.
//
// # Drawn values
//
// In place of any plain value that is not a name, a distribution may stand. It
// is drawn once for each seed:
//
//	loss: {uniform: [0%, 5%]}
//	delay: {choose: [1ms, 10ms, 100ms]}
//	role: {weighted: {sender: 3, receiver: 1}}
//	delay: {exponential: 10ms}        # the mean
//	delay: {normal: [10ms, 2ms]}      # mean and deviation, not below 0
//
// (The text "uniform(0ms, 5ms)", where a parameter such as jitter takes it, is
// something else: it is drawn for each frame.) A drawn value is addressed by
// its path, "links.ab.loss": adding another moves none. Entries of lists are
// numbered, timeline[3].at, unless they have a name: timeline.first-cut.at.
// What was drawn is in Scenario.Options, and is served, not drawn, where
// BuildOptions.Served has it.
//
// # Timeline
//
// An entry has a trigger, at, every (from, until, times) or when (a condition;
// from, until, times), and one action, or several under do. The actions are
// cut, heal, hold, release, set, reset, partition, flap, crash, restart,
// pause, resume, clock, command, add-cell, remove-cell, add-link, remove-link,
// apply and stop. A key that is the name of a cell is a command for it:
// {at: 0s, alice: send m0}; a cell that has the name of an action or of
// another key takes {cell: cut, command: send m0}. With for, the effect of
// cut, hold, partition, crash and pause ends after a while.
//
// Actions on the state of links, cells and clocks are faults, and so are those
// that end one: the last of them is where `after: faults` counts from. Changes
// of the topology and commands are not; fault: true or false on the entry says
// otherwise. Where faults have no end of their own, {at: T, stop: faults} says
// when they do.
//
// # Conditions
//
// Conditions are expressions over what cells show and links count:
//
//	bob.delivered == 1000
//	alice.retransmitted > 0 and links.ab.lost > 0
//	links.ab["alice->bob"].sent <= 10
//	all(protocol("abp"), .delivered == 1000)
//	cells["node-3"].state in ["idle", "done"]
//
// They are in whole numbers, have types, and know no time. When they are
// looked at is said where they are run, as are the exact semantics of
// expectations.
//
// # Studies
//
// What a scenario is tried with, and what is measured, stands under study; the
// run itself takes no notice of it. Package study runs it:
//
//	study:
//	  matrix: {links.ab.loss: [0%, 5%], cells.alice.rto: 20ms..100ms/20ms}
//	  repeat: 20
//	  measure: [bob.delivered, 'links.ab.lost * 1000 / links.ab.sent', met:NAME]
//
// A measure is a number as conditions have it, at the end of the run, or one of
// end, events, pass, and met: with the name of an expectation.
//
// # Leaves to others
//
// What a change does is left to the datacenter; which text a parameter of a
// link takes, to package links; searching, to package fuzz.
package scenarios
