package service

import (
	"fmt"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des/suggest"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/switchyard"
)

// ARPConfig is what an ARP service is made of.
type ARPConfig struct {
	Fabric string   `dsim:"fabric" doc:"where the fabric is, as cell:service" default:"fabric:switchyard"`
	Name   string   `dsim:"endpoint" doc:"the name of the endpoint; the cell's own if empty" default:""`
	MAC    string   `dsim:"mac" doc:"of the endpoint; the fabric gives one if empty" default:""`
	IP     string   `dsim:"ip" doc:"an address of the service's own; empty: it has none" default:""`
	Table  []string `dsim:"table" doc:"whom it answers for, as 10.0.0.9=02:53:59:00:00:09, or 10.0.0.9=NAME for an endpoint, which is looked up"`
}

// tableMax bounds the tables of services.
const tableMax = 4096

// NewARP makes a service that answers ARP questions for the addresses of a
// table, in place of endpoints that do not answer themselves.
func NewARP(c ARPConfig) (cells.Protocol, error) {
	h, err := ends{fabric: c.Fabric, name: c.Name, mac: c.MAC, ip: c.IP}.host()
	if err != nil {
		return nil, fmt.Errorf("arp: %w", err)
	}
	if len(c.Table) > tableMax {
		return nil, fmt.Errorf("arp: table of %d entries: at most %d are possible", len(c.Table), tableMax)
	}
	s := &arp{}
	for _, text := range c.Table {
		x, err := parseARPEntry(text)
		if err != nil {
			return nil, fmt.Errorf("arp: table: %w", err)
		}
		for _, y := range s.table {
			if y.ip == x.ip {
				return nil, fmt.Errorf("arp: table: %s stands there twice", x.ip)
			}
		}
		s.table = append(s.table, x)
	}
	return newHost(h, s)
}

// arpEntry is one line of the table.
type arpEntry struct {
	ip   eth.IP
	mac  eth.MAC // zero: of an endpoint that was not found yet
	name string
}

func parseARPEntry(text string) (x arpEntry, err error) {
	ip, who, ok := strings.Cut(text, "=")
	if !ok || who == "" {
		return x, fmt.Errorf("%s: want an address and whose it is, as 10.0.0.9=02:53:59:00:00:09", suggest.Quoted(text))
	}
	if x.ip, err = eth.ParseIP(ip); err != nil {
		return x, err
	}
	if x.mac, err = eth.ParseMAC(who); err == nil || strings.Contains(who, ":") {
		return x, err
	}
	x.name = who
	return x, nil
}

type arp struct {
	nothing
	table    []arpEntry
	answered uint64
}

// ready looks up the endpoints of the table: they may be others now.
func (s *arp) ready(e cells.Env) {
	for i := range s.table {
		if x := &s.table[i]; x.name != "" {
			if err := s.host.ep.Lookup(e, x.name); err != nil {
				s.line(e, "[arp] %v", err)
			}
		}
	}
}

func (s *arp) found(_ cells.Env, name string, who switchyard.Identity, err error) {
	for i := range s.table {
		if x := &s.table[i]; err == nil && x.name == name {
			x.mac = who.MAC
		}
	}
}

// arp answers for the addresses of the table.
func (s *arp) arp(e cells.Env, p *eth.Packet) bool {
	a := p.ARP
	if a.Operation != eth.Request || a.SenderIP == a.TargetIP {
		return false
	}
	for _, x := range s.table {
		if x.ip != a.TargetIP || x.mac == (eth.MAC{}) || x.mac == a.SenderMAC {
			continue
		}
		s.answered++
		p.Reply(x.mac)
		p.Source = s.host.me.MAC // the fabric must not learn that the other one lives here
		s.host.send(e, p)
		s.line(e, "[arp] told %s that %s is at %s", a.SenderIP, x.ip, x.mac)
		return true
	}
	return false
}

func (s *arp) appendState(a []cells.Attr) []cells.Attr {
	known := 0
	for _, x := range s.table {
		if x.mac != (eth.MAC{}) {
			known++
		}
	}
	return append(a, cells.IntAttr("table", int64(len(s.table))), cells.IntAttr("known", int64(known)), cells.IntAttr("answered", int64(s.answered)))
}
