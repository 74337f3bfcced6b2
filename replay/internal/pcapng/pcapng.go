// Package pcapng writes pcapng files: one section, its interfaces, and packets
// with comments and directions, as the draft "PCAP Next Generation Capture File
// Format" (draft-ietf-opsawg-pcapng) lays them out.
//
// The file depends on nothing but what is given: no host name, operating system
// or architecture gets in.
package pcapng

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The link types that are in use here, by their numbers in the registry.
const (
	Ethernet = 1
	User0    = 147
)

// PacketMax is the greatest packet that can be written. Wireshark refuses more.
const PacketMax = 262144

// stringMax bounds names and comments: an option's length has 16 bits.
const stringMax = 16 << 10

// Interface describes where packets were seen.
type Interface struct {
	Name, Description string
	LinkType          uint16 // Ethernet or User0
}

// Dir is a packet's direction as its interface sees it.
type Dir uint32

const (
	Inbound  Dir = 1
	Outbound Dir = 2
)

// Packet is one packet.
type Packet struct {
	Interface int    // by order of the interfaces
	Time      uint64 // nanoseconds since 1970
	Dir       Dir
	Comment   string // or none
	Data      []byte
}

// Writer writes one section.
type Writer struct {
	w     io.Writer
	count int
	buf   []byte
}

// NewWriter writes the section header and the interfaces, of which there must
// be one at least.
func NewWriter(w io.Writer, comment string, interfaces []Interface) (*Writer, error) {
	if len(interfaces) == 0 {
		return nil, errors.New("pcapng: no interface: at least one is wanted")
	}
	t := &Writer{w: w, count: len(interfaces)}
	b := t.begin(blockSection)
	b = le.AppendUint32(b, byteOrder)
	b = le.AppendUint16(b, 1) // version 1.0
	b = le.AppendUint16(b, 0)
	b = le.AppendUint64(b, 1<<64-1) // the section's length is not given
	b = appendOption(b, optComment, comment)
	b = appendOption(b, optApplication, "dsim")
	if err := t.end(b); err != nil {
		return nil, err
	}
	for _, in := range interfaces {
		b := t.begin(blockInterface)
		b = le.AppendUint16(b, in.LinkType)
		b = le.AppendUint16(b, 0)
		b = le.AppendUint32(b, PacketMax)
		b = appendOption(b, optName, in.Name)
		b = appendOption(b, optDescription, in.Description)
		b = appendOption(b, optResolution, "\x09") // nanoseconds
		if err := t.end(b); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func clip(s string) string {
	if len(s) > stringMax {
		return s[:stringMax]
	}
	return s
}

var le = binary.LittleEndian

// The types of blocks and options in use.
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 6
	byteOrder      = 0x1a2b3c4d

	optEnd         = 0
	optComment     = 1
	optName        = 2 // of an interface
	optFlags       = 2 // of a packet
	optDescription = 3
	optApplication = 4
	optResolution  = 9
)

// Write writes one packet as an Enhanced Packet Block.
func (w *Writer) Write(p *Packet) error {
	if p.Interface < 0 || p.Interface >= w.count {
		return fmt.Errorf("pcapng: interface %d: there are %d", p.Interface, w.count)
	}
	data := p.Data
	if len(data) > PacketMax {
		data = data[:PacketMax]
	}
	b := w.begin(blockPacket)
	b = le.AppendUint32(b, uint32(p.Interface))
	b = le.AppendUint32(b, uint32(p.Time>>32))
	b = le.AppendUint32(b, uint32(p.Time))
	b = le.AppendUint32(b, uint32(len(data)))
	b = le.AppendUint32(b, uint32(len(p.Data)))
	b = pad(append(b, data...))
	b = appendOption(b, optComment, p.Comment)
	b = appendOption(b, optFlags, string(le.AppendUint32(nil, uint32(p.Dir))))
	return w.end(b)
}

// begin starts a block; its length is put in by end.
func (w *Writer) begin(kind uint32) []byte {
	return le.AppendUint32(le.AppendUint32(w.buf[:0], kind), 0)
}

// end writes a block, whose options it closes.
func (w *Writer) end(b []byte) error {
	b = le.AppendUint32(b, optEnd)
	size := uint32(len(b) + 4)
	le.PutUint32(b[4:], size)
	w.buf = le.AppendUint32(b, size)
	if _, err := w.w.Write(w.buf); err != nil {
		return fmt.Errorf("pcapng: %w", err)
	}
	return nil
}

// appendOption adds an option, unless it is empty.
func appendOption(b []byte, code uint16, value string) []byte {
	if value == "" {
		return b
	}
	value = clip(value)
	b = le.AppendUint16(b, code)
	b = le.AppendUint16(b, uint16(len(value)))
	return pad(append(b, value...))
}

// pad fills b up to a multiple of four bytes. All that is before is aligned.
func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
