// Package pcapng writes pcapng files: one section, its interfaces, and packets
// with comments and directions, as the draft "PCAP Next Generation Capture File
// Format" (draft-ietf-opsawg-pcapng) lays them out.
//
// Section and interfaces are written by gopacket, which has no options for
// packets: those blocks are written here, behind them in the same file. The file
// depends on nothing but what is given: no host name, operating system or
// architecture gets in.
//
// This is the one package that knows gopacket. To move to its fork, change the
// two imports.
package pcapng

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
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
	// Everything is said here: what is left out would be the host's own.
	options := pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "dsim", Comment: clip(comment)}}
	ng, err := pcapgo.NewNgWriterInterface(w, describe(interfaces[0]), options)
	for _, in := range interfaces[1:] {
		if err == nil {
			_, err = ng.AddInterface(describe(in))
		}
	}
	if err == nil {
		err = ng.Flush()
	}
	if err != nil {
		return nil, fmt.Errorf("pcapng: %w", err)
	}
	return &Writer{w: w, count: len(interfaces)}, nil
}

func describe(in Interface) pcapgo.NgInterface {
	return pcapgo.NgInterface{
		Name: clip(in.Name), Description: clip(in.Description), LinkType: layers.LinkType(in.LinkType),
		SnapLength: PacketMax, TimestampResolution: nanoseconds,
	}
}

// nanoseconds is the resolution of times: ten to the minus nine.
const nanoseconds = 9

func clip(s string) string {
	if len(s) > stringMax {
		return s[:stringMax]
	}
	return s
}

var le = binary.LittleEndian

// The types of the block and the options that are written here.
const (
	blockPacket = 6

	optEnd     = 0
	optComment = 1
	optFlags   = 2
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
