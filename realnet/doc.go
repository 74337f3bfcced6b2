// Package realnet drives the same engine against the operating system.
//
// A [Driver] owns one site, as package replay/site has it, and whatever its links
// to outside are bound to: sockets of package socket. One goroutine at a time
// owns the site. The goroutine that has read a frame from a socket takes it in:
// it reads the wall, lets everything due happen, writes the frame into the
// journal, hands it to the site, and sends what the site lets out. Timers are
// taken in by the goroutine of one wall timer, commands and changes of the
// topology by whoever calls. So nothing waits for anything but its turn.
//
//	socket -> Frame -> turn: RunUntil(wall), journal, site.Do -> Out … -> flush journal -> sockets
//
// The order is the law of live runs: an input is written down before it is run,
// and is in the kernel before anything it caused is given to a socket. What
// peers have seen is therefore explained by the journal, even after kill -9.
// What sockets say is never seen by a cell: it is counted (see [WireStatus]), and
// noted in the journal for those who read it later.
//
// Below it lie the sockets (socket, nd), control (xmlrpc, guard, node), the
// controller of many processes (datacenter), and what shows it all (meter,
// metrics, page, doctor).
package realnet
