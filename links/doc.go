// Package links is the virtual network: what happens between two ports.
//
// A link joins two ports and has two directions, each with [Params] of its
// own. A frame that is sent takes the next number of its direction, and a
// [Verdict] of chance under that number: lost, bits flipped, duplicated, late.
// Then interface and channel take their time, and one event at the due time
// hands it to the peer's port. Links are FIFO unless reordering is asked for,
// and carry bytes: a corrupted frame arrives corrupted, unless the link has a
// frame check sequence.
//
// A stream link carries connections instead: a small transport cuts what was
// written into segments, credits what has arrived, and knows how to refuse,
// half-close and break off.
//
// [Network] is the virtual datacenter: it implements [cells.Datacenter].
// What the bytes say is left to package protocols, what is done to the links
// and when, to package scenarios.
//
//	n := links.New(host, links.Options{Make: makeProtocol})
//	err := n.Apply(1, []cells.Change{
//		{Op: cells.AddCell, Cell: cells.CellSpec{ID: "alice", Protocol: "abp"}},
//		…
//		{Op: cells.AddLink, Link: cells.LinkSpec{Name: "ab", A: …, B: …,
//			Both: []cells.Param{{"delay", "10ms"}, {"loss", "10%"}}}},
//	})
package links
