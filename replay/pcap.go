package replay

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/internal/pcapng"
)

// PcapPort says how a port of a cell is shown as an interface.
type PcapPort struct {
	Name        string // "alice:p0"; empty: the cell and the port's number
	Description string // empty: the link directions seen there
	Ethernet    bool   // else its packets are of link type USER0
	// Packets finds the packets in one direction of a stream; nil takes each chunk
	// for one. It is called for each direction of each port.
	Packets func() PacketReader
}

// PacketReader finds packets in the bytes of a stream.
type PacketReader interface {
	// Packets takes the next chunk and gives the packets that it completes.
	Packets(chunk []byte, give func(packet []byte))
}

// PcapOptions say how packets are written.
type PcapOptions struct {
	// Epoch is the time of day at which the run begins; the zero Time means
	// DefaultEpoch. Times before 1970 or after 2554 are refused.
	Epoch time.Time
	// Port describes a port; nil describes none.
	Port func(cell string, port uint32) PcapPort
	// From and To bound the packets, both included; a To of 0 means no bound.
	From, To clock.Time
}

// DefaultEpoch is when a run begins in captures. Tools take the year 1970 for
// a mistake, so it is another one.
var DefaultEpoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// PcapCounts say what was written.
type PcapCounts struct {
	Interfaces, Packets, Comments int
}

// The bounds of an export: what is kept in memory for it.
const (
	pcapInterfacesMax = 1 << 16
	pcapVerdictsMax   = 1 << 22
	pcapSortMax       = 1 << 22
)

type cellPort struct {
	cell string
	port uint32
}

type linkFrame struct {
	link string
	n    int64
}

// direction is one of the two of a port.
type direction struct {
	at   cellPort
	sent bool
}

// pcapPlan is what a first reading of the trace finds out.
type pcapPlan struct {
	ports    map[cellPort]int // the interface's number
	list     []cellPort
	links    map[cellPort][]string
	verdicts map[linkFrame]string
	sorted   bool
}

// WritePcapng writes the frames of a trace of level events as a pcapng file,
// with one interface for each port of each cell. A sent frame is an outbound
// packet of its sender's interface, one that arrived an inbound packet of its
// receiver's. What a fault did to a frame is the comment of its packets: a lost
// frame is an outbound packet with a comment and has no inbound one. The packets
// in a stream come with the chunk that completes them.
func WritePcapng(w io.Writer, t *Trace, opt PcapOptions) (PcapCounts, error) {
	var counts PcapCounts
	if t.header.Level != Events {
		return counts, t.errorf("pcapng: a trace of level %s has no frames: want one of level events", t.header.Level)
	}
	if opt.Epoch.IsZero() {
		opt.Epoch = DefaultEpoch
	}
	if y := opt.Epoch.Year(); y < 1970 || y > 2150 {
		return counts, fmt.Errorf("pcapng: epoch %s: want a year from 1970 to 2150", opt.Epoch.Format(time.RFC3339))
	}
	if opt.To == 0 {
		opt.To = clock.Never
	}
	plan, err := planPcap(t, opt)
	if err != nil {
		return counts, err
	}
	b := bufio.NewWriter(w)
	comment := fmt.Sprintf("scenario %s, seed %s", t.header.Scenario, t.header.Seed)
	if plan.user0(opt) {
		comment += user0Hint
	}
	out, err := pcapng.NewWriter(b, comment, plan.interfaces(opt))
	if err != nil {
		return counts, err
	}
	counts.Interfaces = len(plan.list)
	write := func(p *pcapng.Packet) error {
		counts.Packets++
		if p.Comment != "" {
			counts.Comments++
		}
		return out.Write(p)
	}
	if err := plan.packets(t, opt, write); err != nil {
		return counts, err
	}
	return counts, b.Flush()
}

// user0Hint tells who opens the capture how its packets are decoded.
const user0Hint = "; packets are of link type USER0 (147): to have Wireshark decode them, name their dissector as that of" +
	" User 0 (DLT=147) at Preferences, Protocols, DLT_USER, Edit encapsulations table"

// user0 reports whether an interface has packets that no link type names.
func (p *pcapPlan) user0(opt PcapOptions) bool {
	return slices.ContainsFunc(p.interfaces(opt), func(i pcapng.Interface) bool { return i.LinkType == pcapng.User0 })
}

// framed reports whether a record is a packet.
func framed(r *des.Record) bool {
	return (r.Op == des.OpSend || r.Op == des.OpRecv) && r.Cell != ""
}

func planPcap(t *Trace, opt PcapOptions) (*pcapPlan, error) {
	p := &pcapPlan{ports: map[cellPort]int{}, links: map[cellPort][]string{}, verdicts: map[linkFrame]string{}, sorted: true}
	last := clock.Time(-1 << 63)
	// What became of a frame may be told before or after the range.
	for r, err := range t.Records(allFrom, allTo) {
		if err != nil {
			return nil, err
		}
		if r.Op == des.OpVerdict {
			if err := p.verdict(r); err != nil {
				return nil, t.errorf("pcapng: %w", err)
			}
			continue
		}
		if !framed(r) || r.Key.Time < opt.From || r.Key.Time > opt.To {
			continue
		}
		p.sorted = p.sorted && r.Key.Time >= last
		last = r.Key.Time
		c := cellPort{r.Cell, r.Port}
		if _, ok := p.ports[c]; !ok {
			if len(p.list) >= pcapInterfacesMax {
				return nil, t.errorf("pcapng: more than %d ports: take a part of the trace", pcapInterfacesMax)
			}
			p.ports[c] = 0
			p.list = append(p.list, c)
		}
		if l := p.links[c]; r.Link != "" && len(l) < 4 && !slices.Contains(l, r.Link) {
			p.links[c] = append(l, r.Link)
		}
	}
	slices.SortFunc(p.list, func(a, b cellPort) int {
		return cmp.Or(cmp.Compare(a.cell, b.cell), cmp.Compare(a.port, b.port))
	})
	for i, c := range p.list {
		p.ports[c] = i
		slices.Sort(p.links[c])
	}
	return p, nil
}

func (p *pcapPlan) verdict(r *des.Record) error {
	if r.Link == "" || r.Text == "" || r.Text == "plain" {
		return nil
	}
	f := linkFrame{r.Link, r.A}
	text := VerdictText(r.Text)
	if before, ok := p.verdicts[f]; ok {
		text = before + "; " + text
	} else if len(p.verdicts) >= pcapVerdictsMax {
		return fmt.Errorf("more than %d verdicts: take a part of the trace", pcapVerdictsMax)
	}
	p.verdicts[f] = text
	return nil
}

// VerdictText is a verdict in words for people: "drop:loss" is "dropped: loss".
func VerdictText(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		what, value, ok := strings.Cut(w, ":")
		if !ok {
			continue
		}
		for _, x := range [...][2]string{{"drop", "dropped"}, {"flip", "bits flipped"}, {"dup", "more copies"}, {"late", "late by"}} {
			if what == x[0] {
				words[i] = x[1] + ": " + value
			}
		}
	}
	return strings.Join(words, ", ")
}

func (p *pcapPlan) interfaces(opt PcapOptions) []pcapng.Interface {
	if len(p.list) == 0 {
		return []pcapng.Interface{{Name: "none", Description: "the trace has no frames", LinkType: pcapng.User0}}
	}
	var out []pcapng.Interface
	for _, c := range p.list {
		var d PcapPort
		if opt.Port != nil {
			d = opt.Port(c.cell, c.port)
		}
		in := pcapng.Interface{Name: d.Name, Description: d.Description, LinkType: pcapng.User0}
		if in.Name == "" {
			in.Name = fmt.Sprintf("%s:%d", c.cell, c.port)
		}
		if in.Description == "" && len(p.links[c]) > 0 {
			in.Description = "links " + strings.Join(p.links[c], " ")
		}
		if d.Ethernet {
			in.LinkType = pcapng.Ethernet
		}
		out = append(out, in)
	}
	return out
}

// packets gives the packets in order of time. Records are in that order; a
// trace in which they are not is sorted in memory.
func (p *pcapPlan) packets(t *Trace, opt PcapOptions, write func(*pcapng.Packet) error) error {
	var kept []pcapng.Packet
	streams := make(map[direction]PacketReader)
	epoch := uint64(opt.Epoch.UnixNano())
	for r, err := range t.Records(opt.From, opt.To) {
		if err != nil {
			return err
		}
		if !framed(r) {
			continue
		}
		if r.Key.Time < 0 {
			return t.errorf("pcapng: a frame at %s: times before the run cannot be shown", r.Key.Time)
		}
		pkt := pcapng.Packet{
			Interface: p.ports[cellPort{r.Cell, r.Port}], Time: epoch + uint64(r.Key.Time),
			Dir: pcapng.Outbound, Data: r.Data,
		}
		if r.Op == des.OpRecv {
			pkt.Dir = pcapng.Inbound
		}
		if r.Link != "" {
			pkt.Comment = p.verdicts[linkFrame{r.Link, r.A}]
		}
		err := reader(streams, opt, r).each(r.Data, func(b []byte) error {
			pkt.Data = b[:min(len(b), pcapng.PacketMax)]
			if p.sorted {
				return write(&pkt)
			}
			if len(kept) >= pcapSortMax {
				return t.errorf("pcapng: more than %d frames out of order: take a part of the trace", pcapSortMax)
			}
			x := pkt
			x.Data = slices.Clone(x.Data)
			kept = append(kept, x)
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.SortStableFunc(kept, func(a, b pcapng.Packet) int { return cmp.Compare(a.Time, b.Time) })
	for i := range kept {
		if err := write(&kept[i]); err != nil {
			return err
		}
	}
	return nil
}

// packetsOf is the reader of a record's direction, or none.
type packetsOf struct{ PacketReader }

func reader(streams map[direction]PacketReader, opt PcapOptions, r *des.Record) packetsOf {
	if opt.Port == nil {
		return packetsOf{}
	}
	d := direction{cellPort{r.Cell, r.Port}, r.Op == des.OpSend}
	x, ok := streams[d]
	if !ok {
		if of := opt.Port(r.Cell, r.Port).Packets; of != nil {
			x = of()
		}
		streams[d] = x
	}
	return packetsOf{x}
}

// each gives the packets in a record's bytes.
func (x packetsOf) each(b []byte, give func([]byte) error) error {
	if x.PacketReader == nil {
		return give(b)
	}
	var err error
	x.Packets(b, func(packet []byte) {
		if err == nil {
			err = give(packet)
		}
	})
	return err
}
