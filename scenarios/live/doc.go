// Package live runs a scenario on processes and real sockets, and judges it as a
// virtual run of the same file is judged.
//
// Who runs the cells is a [Site]: processes under a controller, or what a test
// puts in its place. Each of its sites writes a journal of what reached it from
// outside, before anything that follows leaves it (package replay/journal). The
// state of a site is a function of these inputs, so [Run] plays every journal,
// while it is written, into a mirror: a site of its own that nothing leaves. The
// mirrors are played in one order of time, a little behind the wall, and the
// scenario's court (see [scenarios.Court]) watches them as it would watch a
// virtual world: the same oracles are fed with the same emissions, conditions
// read the same attributes and counters, structural properties see one snapshot.
//
//	wall ──timeline──▶ Site ──sockets──▶ …      at, every: when the wall says so
//	                    │ journals
//	                    ▼
//	                 mirrors ──▶ court          when: a moment after it was so
//
// Mirrors never act. What the timeline asks for is done to the site, and comes
// back through its journals; so faults count from when they really acted, and a
// condition's action comes a hold-back later than in virtual time.
//
// A journal also tells, now and then, the complete state that its site had. A
// mirror that is in another one is non-determinism, and the result names it.
//
// What it leaves to others: starting processes and moving bytes to the Site, what
// holds to package scenarios, reading the wall to the Clock.
package live
