// Package journal writes down what reaches a live site from outside, and reads
// it back: one append-only file for each life of a process.
//
// The state of a site is a function of its inputs, so a journal gives the site
// back, also one that was killed. A [Writer] takes inputs in the order in which
// the driver takes them; what it was given is in the kernel when [Writer.Flush]
// returns, and the driver flushes before it writes to any socket. So whatever a
// peer saw is explained by the journal, kill -9 or not. Against a machine that
// loses power there is no promise: nothing is synced.
//
//	w, err := journal.Create("rec/alice.0.journal", journal.Header{Site: "alice", Seed: seed})
//	w.Input(&in)                    // before the input is run
//	w.Checkpoint(s.Checkpoint())    // now and then, after one was
//	err = w.Flush()                 // before any socket is written to
//	err = w.Close(journal.Summary{At: s.Now()})
//
//	r, err := journal.Open("rec/alice.0.journal")
//	for e, err := range r.Entries() { … }
//
// A [Ring] is a journal of bounded size: a few files, each of which begins with
// the state of the site at that moment.
//
// Running what was written down is left to package playback.
//
// # The file, version 1
//
// A journal is a sequence of records, each
//
//	u32 length of the body | u32 CRC-32C of the body | body
//
// little endian. A body begins with its kind. The first record is the header,
// tagged fields after a magic; an end record, if there is one, is the last:
//
//	1 header      the magic, the version, tagged fields
//	2 input       its kind, time, and what counts of it
//	3 checkpoint  time, inputs, events, version, a fold and a state for each cell
//	4 note        kind, time, link, n, value, text
//	5 snapshot    time, inputs, the bytes of a state: second in a ring's files
//	6 end         time, inputs, tagged fields
//
// Numbers are varints, signed ones zigzag; times are differences to the input
// before. Names of links and cells are references: 0 and the name itself, 1 and
// the name itself, which gets the next number from 2, or such a number.
//
// A reader stops at the first record that is not whole, and says why.
package journal
