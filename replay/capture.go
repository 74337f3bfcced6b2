package replay

import (
	"io"
	"time"

	"example.com/dsim/replay/internal/pcapng"
)

// Capture writes frames into a pcapng file as they come, for tools that see
// them live.
type Capture struct{ out *pcapng.Writer }

// NewCapture writes the head of the file. Packets name the interfaces by their
// order, of which there must be one at least.
func NewCapture(w io.Writer, comment string, interfaces ...PcapPort) (*Capture, error) {
	list := make([]pcapng.Interface, len(interfaces))
	for i, p := range interfaces {
		list[i] = pcapng.Interface{Name: p.Name, Description: p.Description, LinkType: pcapng.User0}
		if p.Ethernet {
			list[i].LinkType = pcapng.Ethernet
		}
	}
	out, err := pcapng.NewWriter(w, comment, list)
	if err != nil {
		return nil, err
	}
	return &Capture{out}, nil
}

// Frame writes one frame that was seen at a time of day, with a comment or none.
// A frame longer than a capture can hold is cut.
func (c *Capture) Frame(of int, at time.Time, comment string, frame []byte) error {
	return c.out.Write(&pcapng.Packet{
		Interface: of, Time: uint64(at.UnixNano()), Dir: pcapng.Inbound, Comment: comment, Data: frame[:min(len(frame), pcapng.PacketMax)],
	})
}
