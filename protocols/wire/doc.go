// Package wire describes packets as tables.
//
// A [Layout] lists the fields of one packet type in the order they lie on the
// wire. From the one table come decoding, encoding, a line of print, random
// valid values, and corruptions that know where the fields are. So a packet's
// format stands in one place, where it can be held against its specification.
//
//	var layout = wire.NewLayout("segment",
//		wire.U8("kind", func(s *Segment) *Kind { return &s.Kind }).Names("data", "ack"),
//		wire.U16("window", func(s *Segment) *uint16 { return &s.Window }),
//		wire.Rest("payload", 1500, func(s *Segment) *[]byte { return &s.Payload }),
//		wire.CRC32[Segment]("crc"),
//	)
//
// Fields reach the struct through functions that give pointers; there is no
// reflection. Decoding checks everything it reads and says what is wrong with
// an [*Error]; no bytes make it panic. It allocates nothing: decoded bytes
// alias the frame, so they are valid as long as the frame is, and are not to be
// written to. A struct that is decoded into should live in the protocol's
// state: a variable of the handler would escape to the heap.
//
// A layout that contradicts itself is a mistake of the program: [NewLayout]
// panics. What packets mean, and how frames are found in a stream, is left to
// the protocols and to package stream.
package wire
