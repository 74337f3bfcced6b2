// Package node is the process of a cell: one site on the wall clock, told what to
// do by XML-RPC.
//
//	n, err := node.New(node.Options{Name: "sahas", Make: scenarios.MakeProtocol, Cell: spec})
//	l, err := guard.Listen("127.0.0.1:9001", guard.Options{})
//	err = n.Serve(ctx, l, guard.Options{}) // until it is told to shut down
//
// There are two ways to talk to it. A controller of the first document binds ports
// one by one, by bind_port and unbind_port, and is answered in that document's
// words. Ours gives batches of changes: prepare checks one and opens its sockets,
// commit lets it act. Both end in the same batches of the site, under the same
// versions, so that a journal tells either.
//
// What is bound to a port is a link whose other end is not here. Its parameters,
// such as loss, delay or ber, are those of package links, and act on what the port
// sends; faults that are injected are parameters too, which clear_fault puts back.
//
// A cell's configuration is fixed for its life: to change it, one removes the cell
// and creates it again. A process that was given a lease ends when nobody renews
// it, so that nothing outlives a controller that is gone.
//
// Time, journals and sockets are left to package realnet, who gets in to package
// guard, which protocols there are to whoever makes the node.
package node
