package switchyard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/des/suggest"
	"example.com/dsim/protocols/eth"
)

// HostConfig is what a host is made of.
type HostConfig struct {
	Fabric    string        `dsim:"fabric" doc:"where the fabric is, as cell:service" default:"fabric:switchyard"`
	Name      string        `dsim:"endpoint" doc:"the name of its endpoint; the cell's own if empty" default:""`
	MAC       string        `dsim:"mac" doc:"its address; the fabric gives one if empty" default:""`
	Promisc   bool          `dsim:"promisc" doc:"whether it wants every frame there is" default:"false"`
	Exclusive bool          `dsim:"exclusive" doc:"whether a name that is taken is an error; else the endpoint is taken over" default:"false"`
	Peers     []string      `dsim:"peers" doc:"the endpoints it sends to, in turn; without any, to all"`
	Frames    uint64        `dsim:"frames" doc:"how many frames it sends" default:"0"`
	Interval  des.Sampler   `dsim:"interval" doc:"time between two of them" unit:"duration" default:"10ms"`
	Size      des.Sampler   `dsim:"size" doc:"bytes of a frame; what is below 30, or above 65000, is cut to that" unit:"bytes" default:"100"`
	Delay     time.Duration `dsim:"delay" doc:"time from being ready to the first frame" default:"0s"`
	Answer    bool          `dsim:"answer" doc:"whether it sends each frame for it back" default:"false"`
	Limit     int           `dsim:"limit" doc:"bytes that may be queued on its connection" unit:"bytes" default:"49152"`
	Backoff   time.Duration `dsim:"backoff" doc:"time before the first reconnect; then twice as long each time, up to 5s" default:"100ms"`
}

// HostDefaults is the HostConfig that the tags describe.
func HostDefaults() HostConfig {
	return HostConfig{
		Fabric: "fabric:" + Service, Interval: des.Constant(int64(10 * time.Millisecond)), Size: des.Constant(100),
		Limit: LimitDefault, Backoff: 100 * time.Millisecond,
	}
}

// TypeNumbered is the type of a host's frames: the second of those that IEEE 802
// leaves to local experiments. Behind the header they have
//
//	sender    u32, drawn by the host at each start
//	number    u64, from 1 for each receiver; 0 is an answer
//	echoed    u32, in an answer: the sender's
//	filler    up to the size
const TypeNumbered = 0x88b6

// Sizes of a host's frames.
const (
	hostFrameMin = eth.HeaderSize + 16
	hostFrameMax = 65_000
	sendersMax   = 1 << 12
)

// host is a source of numbered frames, and counts those that come.
type host struct {
	config   HostConfig
	ep       *Endpoint
	size     *cells.Rand
	interval *cells.Rand
	id       uint32

	me      Identity
	as      eth.MAC // what it sends from, and listens to beside its own
	peers   []Identity
	numbers map[eth.MAC]uint64 // of the last frame to an address; looked up only
	next    int
	begun   bool
	waiting bool // the timer is armed

	sent, heard, answers, strays, lostSends uint64
	behind, gaps                            uint64
	senders                                 map[senderKey]uint64 // the greatest number heard; looked up only
}

// senderKey tells streams of numbers apart.
type senderKey struct {
	sender uint32
	to     eth.MAC
}

const timerHost cells.TimerID = 1

// NewHost makes a host: a cell that sends numbered frames over a fabric, and
// counts what comes.
func NewHost(c HostConfig) (cells.Protocol, error) {
	d := HostDefaults()
	if c.Interval == nil {
		c.Interval = d.Interval
	}
	if c.Size == nil {
		c.Size = d.Size
	}
	switch {
	case c.Interval.Min() < 0:
		return nil, fmt.Errorf("switchyard: interval %s: must not be negative", c.Interval)
	case c.Delay < 0:
		return nil, fmt.Errorf("switchyard: delay %s: must not be negative", c.Delay)
	}
	h := &host{config: c, numbers: make(map[eth.MAC]uint64), senders: make(map[senderKey]uint64)}
	for _, name := range c.Peers {
		if err := checkName(name); err != nil {
			return nil, fmt.Errorf("switchyard: peers: %w", err)
		}
	}
	config := EndpointConfig{Fabric: c.Fabric, Name: c.Name, Promisc: c.Promisc, Exclusive: c.Exclusive, Limit: c.Limit, Backoff: c.Backoff}
	if c.MAC != "" {
		mac, err := eth.ParseMAC(c.MAC)
		if err != nil {
			return nil, fmt.Errorf("switchyard: %w", err)
		}
		config.MAC = mac
	}
	ep, err := NewEndpoint(config, h)
	h.ep = ep
	return ep, err
}

// Start draws who it is.
func (h *host) Start(e cells.Env, _ *Endpoint) {
	h.size, h.interval = e.Rand("size"), e.Rand("interval")
	h.id = uint32(e.Rand("host").Uint64())
}

// Ready looks up the peers, and begins once they are found.
func (h *host) Ready(e cells.Env, me Identity) {
	if h.as == h.me.MAC { // it has not moved, or is new; its address may be another now
		h.as = me.MAC
	}
	h.me = me
	for _, name := range h.config.Peers {
		_ = h.ep.Lookup(e, name) // checked; no more than LookupsMax are asked for at once
	}
	if len(h.config.Peers) == 0 {
		h.begin(e)
	}
	h.proceed(e)
}

func (h *host) begin(e cells.Env) {
	if !h.begun {
		h.begun, h.waiting = true, true
		e.Arm(timerHost, h.config.Delay)
	}
}

// Found takes a peer. After a reconnect it may have another address.
func (h *host) Found(e cells.Env, name string, who Identity, err error) {
	if err != nil {
		return
	}
	for i := range h.peers {
		if h.peers[i].Name == name {
			h.peers[i] = who
			return
		}
	}
	h.peers = append(h.peers, who)
	if len(h.peers) == len(h.config.Peers) {
		h.begin(e)
	}
}

// Lost has nothing to do: the timer finds out.
func (h *host) Lost(cells.Env, error) {}

// Timer sends the next frame. Without a connection it waits for the next Ready.
func (h *host) Timer(e cells.Env, _ cells.TimerID) {
	h.waiting = false
	h.proceed(e)
}

func (h *host) proceed(e cells.Env) {
	if _, ok := h.ep.Identity(); !ok || h.waiting || !h.begun || h.sent >= h.config.Frames {
		return
	}
	to := eth.Broadcast
	if len(h.peers) > 0 {
		to = h.peers[h.next%len(h.peers)].MAC
		h.next++
	}
	h.send(e, to)
	h.waiting = true
	e.Arm(timerHost, time.Duration(h.interval.Sample(h.config.Interval)))
}

// send sends a numbered frame.
func (h *host) send(e cells.Env, to eth.MAC) {
	h.numbers[to]++
	n := int(min(max(h.size.Sample(h.config.Size), hostFrameMin), hostFrameMax))
	b := h.header(e.Buf(), to, h.numbers[to], 0)
	for len(b) < n {
		b = append(b, byte(len(b)))
	}
	h.sent++
	if !h.ep.Send(e, b) {
		h.lostSends++
	}
}

func (h *host) header(b []byte, to eth.MAC, number uint64, echoed uint32) []byte {
	b = append(append(b, to[:]...), h.as[:]...)
	b = binary.BigEndian.AppendUint16(b, TypeNumbered)
	b = binary.BigEndian.AppendUint32(b, h.id)
	b = binary.BigEndian.AppendUint64(b, number)
	return binary.BigEndian.AppendUint32(b, echoed)
}

// Frame counts a frame, and answers it if it is asked to.
func (h *host) Frame(e cells.Env, in Incoming) {
	b := in.Frame
	if len(b) < hostFrameMin || binary.BigEndian.Uint16(b[12:]) != TypeNumbered {
		h.strays++
		return
	}
	dst, src := eth.MAC(b[:6]), eth.MAC(b[6:12])
	if dst != h.me.MAC && dst != h.as && dst != eth.Broadcast {
		h.strays++
		return
	}
	sender, number, echoed := binary.BigEndian.Uint32(b[14:]), binary.BigEndian.Uint64(b[18:]), binary.BigEndian.Uint32(b[26:])
	if number == 0 {
		if echoed == h.id {
			h.answers++
		}
		return
	}
	h.heard++
	h.follow(senderKey{sender, dst}, number)
	if h.config.Answer && src != h.as {
		h.ep.Send(e, h.header(e.Buf(), src, 0, sender))
	}
}

// follow notes whether a number is the next of its sender.
func (h *host) follow(k senderKey, number uint64) {
	last, known := h.senders[k]
	switch {
	case !known && len(h.senders) >= sendersMax:
	case number > last:
		if known {
			h.gaps += number - last - 1
		}
		h.senders[k] = number
	default:
		h.behind++ // a duplicate, or one that others have passed
	}
}

var hostCommands = []string{"send", "broadcast", "as"}

// Command takes
//
//	send N          N frames more, to the peers
//	broadcast       one to all, now
//	as MAC          moves to an address: tells all, and sends from it from now on
func (h *host) Command(e cells.Env, args []string) (string, error) {
	if len(args) == 0 {
		return "", fmt.Errorf("no command: want %s", strings.Join(hostCommands, ", "))
	}
	switch {
	case args[0] == "send" && len(args) == 2:
		n, err := strconv.ParseUint(args[1], 10, 32)
		if err != nil {
			return "", fmt.Errorf("send %s: want how many frames", suggest.Quoted(args[1]))
		}
		h.config.Frames += n
		h.begin(e)
		h.proceed(e)
		return fmt.Sprintf("%d frames more", n), nil
	case args[0] == "broadcast" && len(args) == 1:
		h.send(e, eth.Broadcast)
		return "sent", nil
	case args[0] == "as" && len(args) == 2:
		mac, err := eth.ParseMAC(args[1])
		if err == nil && !mac.Station() {
			err = errors.New("as: want the address of a station")
		}
		if err != nil {
			return "", err
		}
		h.as = mac
		h.send(e, eth.Broadcast)
		return "moved", nil
	}
	return "", fmt.Errorf("unknown command %s%s", suggest.Quoted(strings.Join(args, " ")), suggest.Hint(args[0], hostCommands))
}

// AppendState shows what was sent and heard.
func (h *host) AppendState(a []cells.Attr) []cells.Attr {
	return append(a,
		count("frames_sent", h.sent), count("heard", h.heard), count("answers", h.answers), count("strays", h.strays),
		count("unsent", h.lostSends), count("gaps", h.gaps), count("behind", h.behind),
		cells.BoolAttr("done", h.sent >= h.config.Frames))
}
