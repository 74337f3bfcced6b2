// Package switchyard is an endpoint of a Switchyard fabric for programs that are
// no cells: virtual machines, emulators, tools. It talks to any fabric of
// protocol version 1, ours or another's, over TCP.
//
//	e, err := switchyard.Open(ctx, switchyard.Options{Name: "vm0", Wait: 5 * time.Second})
//	defer e.Close()
//	err = e.Send(frame)             // an Ethernet frame, without a frame check sequence
//	in, err := e.Recv(ctx)          // the next for this endpoint
//
// One goroutine reads: frames wait in a bounded queue for Recv, answers go to who
// asked, in order. A connection that is lost is made again, with the same name,
// after a back-off that doubles; what is sent meanwhile is lost and counted.
//
// Cells have endpoints of their own: package protocols/switchyard.
package switchyard
