// Package site is one site as a function of its inputs: one scheduler, the cells
// on it, and what reaches them from outside.
//
// The state of a [Site] after its n-th [Input] is a function of build, seed,
// specification and inputs 1..n with their times. Who gives it inputs is left to
// others: the live driver of package realnet takes them from sockets and writes
// them down first, a player takes them from what was written down. Both call
// [Site.Do], so that there is one way in.
//
//	s, err := site.New(site.Config{Name: "alice", Seed: seed, Make: make})
//	_, err = s.Do(&site.Input{Kind: site.Apply, Version: 1, Batch: batch})
//	_, err = s.Do(&site.Input{At: t, Kind: site.Frame, Link: "ab", Data: b})
//	m := s.Mark() // the complete state, as hashes
//
// Links of the batch with one end at a cell that is not here lead outside: what
// such a half link lets through, with all its impairments, is given to the
// [Outlet] when it is due, and what arrives at its end is an input.
package site
