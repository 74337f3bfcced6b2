// Package datacenter runs cells as processes and keeps the links between them.
//
// A [Controller] is a [cells.Datacenter] like the virtual one: the same batches,
// versions, errors and snapshots. Its cells are processes, each a site of its
// own, which it starts, supervises and stops, or which run already and are taken
// over by their address. It talks to them by XML-RPC.
//
//	run, err := datacenter.OpenRun(dir)
//	c, err := datacenter.New(datacenter.Options{Run: run, Make: scenarios.MakeProtocol})
//	err = c.Apply(1, batch) // processes come up, sockets are opened, all or nothing
//	snap := c.Snapshot()
//	err = c.Close()         // all of it is gone
//
// What a batch leads to is judged by a [links.Network] of its own, in which
// nothing ever happens: the model. So a live datacenter refuses what the virtual
// one refuses, in the same words. Then the batch is split by sites; each site
// checks its part and opens its sockets (prepare); if all can, all do (commit),
// and who misses the commit is told again until it has it.
//
// Nothing outlives the controller: its processes hold a lease that it renews, are
// told when it dies, and what a killed controller left is found by the owner's
// mark in the run directory and taken away by the next one, or by [Reap].
//
// [Server] shows the same over HTTP and XML-RPC, [Client] talks to it. What goes
// over the links, and what cells do with it, is left to packages realnet, socket
// and links.
package datacenter
