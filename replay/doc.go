// Package replay keeps what happened: it writes traces, reads, checks, cuts
// and exports them, and says where and why two runs differ.
//
// A [Writer] is a [des.Sink] and a [des.ChoiceSink]: whatever runs a site gives
// it records and choices, in order. A [Trace] gives them back, whole or by
// range. [Diff] compares two traces, a [Comparer] a running site with a trace,
// and [Served] hands a trace's choices to a run that repeats it. Running is
// left to others: the package knows records, not links, scenarios or sockets.
//
//	w, err := replay.Create("run.trace", replay.Header{Level: replay.Events, Scenario: "lossy", Seed: "7"})
//	…                               // w.Record and w.Choose, as things happen
//	err = w.Close(replay.Summary{Verdict: "ok", Digest: d})
//
//	t, err := replay.Open("run.trace")
//	for r, err := range t.Records(0, clock.Never) { … }
//
// # The file, version 1
//
// A trace is one zstd file in the seekable format: `zstd -dc` decodes it whole.
// Each frame holds one block and a seek table ends the file. A block is
//
//	u32 length of the body | u32 CRC-32C of the body | body
//
// little endian; a body begins with its kind. The blocks are, in this order:
//
//	header  the magic, the format version, features, then tagged fields: the
//	        scenario and all else that gives the run back
//	entries records and choices in the order they were made; its own
//	        dictionaries of strings and payloads and its own delta state, so
//	        that each block can be read alone
//	index   what each entry block holds: keys, numbers, times, ops
//	end     totals, the hash of the trace, the summary
//
// Numbers are varints, signed ones zigzag. A tagged field is its number, its
// length and its bytes; unknown fields are skipped, unknown features refused.
//
// The hash of a trace is SHA-256 over the canonical form of its records and
// choices, never over compressed bytes: another compressor gives the same hash.
//
// A trace that was cut short has lost its seek table. Opening it then walks the
// frames and gives all whole blocks; [Repair] writes it anew.
package replay
