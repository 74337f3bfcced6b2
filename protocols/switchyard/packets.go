package switchyard

import "example.com/dsim/protocols/stream"

// Packets finds the Ethernet frames in one direction of a connection, however it
// is cut: those of PACKET_IN, PACKET_OUT and MIRROR. What is no message ends it.
type Packets struct {
	split *stream.Splitter
	over  bool
}

// NewPackets is for a connection from its first byte on.
func NewPackets() *Packets { return &Packets{split: stream.NewSplitter(FramingOf())} }

// Packets takes the next chunk and gives the frames that are complete, which are
// valid until give returns.
func (p *Packets) Packets(chunk []byte, give func(frame []byte)) {
	if p.over {
		return
	}
	p.split.Feed(chunk)
	for b, ok := p.split.Next(); ok; b, ok = p.split.Next() {
		m, err := ParseMessage(b)
		if err != nil {
			p.over = true
			return
		}
		switch m.Type {
		case TypePacketIn, TypePacketOut, TypeMirror:
			give(m.Payload)
		}
	}
	p.over = p.split.Err() != nil
}
