// Package celltest tests what stands on the seam, from both sides.
//
// A [Conversation] talks to one protocol: it hands it events and checks what
// the protocol asks for. It stands on the real [cells.Host], so that what a
// test sees is what a run does, and it catches protocols that write to bytes
// they received or keep them.
//
//	c := celltest.New(t, &echo{}, celltest.Options{})
//	c.Start()
//	c.Idle("an echo waits")
//	c.Up(0)
//	c.Recv(0, []byte("hello"))
//	c.Want("the same comes back", celltest.Send(0, []byte("hello")))
//	c.Idle("and nothing else")
//
// [TestDatacenter] and [TestStreams] are what every datacenter must do: the
// virtual one and those of processes and sockets run the same suites. They see
// a [Site] through [cells.Datacenter] alone, and talk to cells of the protocol
// [MakeProbe] makes.
//
// What protocols mean is left to the tests of protocols.
package celltest
