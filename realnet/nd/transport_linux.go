package nd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/mdlayher/ndp"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// transport sends and receives ICMPv6 on one interface.
type transport struct {
	conn     *ipv6.PacketConn
	close    func() error
	ifi      *net.Interface
	zone     string // the interface's number: what a name stands for, package net remembers too long
	sequence uint16
}

// listen opens a transport on the interface's link-local address.
func listen(ifi *net.Interface, local netip.Addr) (*transport, error) {
	zone := strconv.Itoa(ifi.Index)
	raw, err := icmp.ListenPacket("ip6:ipv6-icmp", local.WithZone(zone).String())
	if err != nil {
		if errors.Is(err, unix.EPERM) {
			return nil, fmt.Errorf("neighbour discovery needs CAP_NET_RAW: %w", unix.EPERM)
		}
		return nil, err
	}
	c := raw.IPv6PacketConn()
	t := &transport{conn: c, close: raw.Close, ifi: ifi, zone: zone}
	if err := t.prepare(local); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return t, nil
}

// prepare sets what RFC 4861 wants of those who take part: a hop limit that no
// router leaves, and both groups. What we send is not heard by ourselves: if
// our address is heard, another has it too.
func (t *transport) prepare(local netip.Addr) error {
	group, err := ndp.SolicitedNodeMulticast(local)
	if err != nil {
		return err
	}
	var f ipv6.ICMPFilter
	f.SetAll(true)
	for _, k := range []Kind{EchoRequest, EchoReply, Solicitation, Advertisement} {
		f.Accept(ipv6.ICMPType(k))
	}
	c := t.conn
	return errors.Join(
		c.SetHopLimit(255),
		c.SetMulticastHopLimit(255),
		c.SetMulticastLoopback(false),
		c.SetMulticastInterface(t.ifi),
		c.SetControlMessage(ipv6.FlagHopLimit|ipv6.FlagInterface, true),
		c.SetICMPFilter(&f),
		c.JoinGroup(t.ifi, &net.IPAddr{IP: allNodes.AsSlice()}),
		c.JoinGroup(t.ifi, &net.IPAddr{IP: group.AsSlice()}),
	)
}

// send puts a message on the link.
func (t *transport) send(s Send) error {
	t.sequence++
	b, to, err := marshal(s, t.ifi.HardwareAddr, t.sequence)
	if err != nil {
		return err
	}
	_, err = t.conn.WriteTo(b, nil, &net.IPAddr{IP: to.AsSlice(), Zone: t.zone})
	return err
}

// receive waits for the next message that takes part. An error is the end.
func (t *transport) receive(buf []byte) (Heard, error) {
	for {
		n, cm, src, err := t.conn.ReadFrom(buf)
		if err != nil {
			return Heard{}, err
		}
		h, ok := parse(buf[:n])
		from, isIP := src.(*net.IPAddr)
		if !ok || !isIP || cm == nil || cm.IfIndex != t.ifi.Index {
			continue
		}
		h.From, ok = netip.AddrFromSlice(from.IP)
		h.HopLimit = cm.HopLimit
		if ok {
			return h, nil
		}
	}
}
