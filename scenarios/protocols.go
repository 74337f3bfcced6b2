package scenarios

import (
	"fmt"

	"example.com/dsim/cells"
	"example.com/dsim/protocols/abp"
	"example.com/dsim/protocols/abp5"
	"example.com/dsim/protocols/abp64"
	"example.com/dsim/protocols/echo"
	registers "example.com/dsim/protocols/register"
	"example.com/dsim/protocols/switchyard"
	"example.com/dsim/protocols/switchyard/carried"
	"example.com/dsim/protocols/switchyard/service"
	"example.com/dsim/protocols/tree"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios/linear"
)

// The protocols that dsim ships. A new one is a line here: its package stays
// free of scenarios.
func init() {
	register(Default)
}

// register adds the shipped protocols and properties to a registry.
func register(r *Registry) {
	r.RegisterProtocol(protocolOf("abp", "alternating bit: stop-and-wait with a checksum", abp.New))
	r.RegisterProtocol(protocolOf("abp5", "alternating bit, the five-byte counter over UDP", abp5.New))
	r.RegisterProtocol(protocolOf("abp64", "alternating bit, the 64-byte counter of the hardware", abp64.New))
	r.RegisterProtocol(protocolOf("echo", "streams: a client sends, a server sends it back", echo.New))
	r.RegisterProtocol(protocolOf("register", "registers that replicas keep together: reads and writes by quorums", registers.New))
	r.RegisterProtocol(onFabric(protocolOf("switchyard-abp", "alternating bit whose link is a Switchyard fabric", carried.NewABP)))
	r.RegisterProtocol(onFabric(protocolOf("switchyard-arp", "answers ARP questions for the addresses of a table", service.NewARP)))
	r.RegisterProtocol(onFabric(protocolOf("switchyard-bridge", "joins two fabrics: what reaches it on one it sends on the other", switchyard.NewBridge)))
	r.RegisterProtocol(onFabric(protocolOf("switchyard-dhcp", "gives addresses of a pool, for a time", service.NewDHCP)))
	r.RegisterProtocol(onFabric(protocolOf("switchyard-dhcp-client", "asks for an address, keeps it and gives it back", service.NewDHCPClient)))
	r.RegisterProtocol(onFabric(protocolOf("switchyard-dns", "names of a table and of endpoints: A, AAAA, PTR", service.NewDNS)))
	r.RegisterProtocol(onFabric(protocolOf("switchyard-dns-client", "asks a name server a list of questions", service.NewDNSClient)))
	r.RegisterProtocol(onFabric(protocolOf("switchyard-echo", "UDP echo: a datagram comes back as it was", service.NewEcho)))
	r.RegisterProtocol(onFabric(protocolOf("switchyard-fabric", "a switch of Ethernet frames that clients dial: it learns, floods, impairs, captures", switchyard.NewFabric)))
	r.RegisterProtocol(onFabric(protocolOf("switchyard-host", "an endpoint of a fabric that sends numbered frames and counts what comes", switchyard.NewHost)))
	r.RegisterProtocol(onFabric(protocolOf("switchyard-icmp", "a host that answers echo requests of ICMP, and may send some", service.NewICMP)))
	r.RegisterProtocol(onFabric(protocolOf("switchyard-ntp", "tells the wall clock of its cell", service.NewNTP)))
	r.RegisterProtocol(onFabric(protocolOf("switchyard-ntp-client", "measures how far its wall clock is off", service.NewNTPClient)))
	r.RegisterProtocol(onFabric(protocolOf("switchyard-ping", "sends messages to a UDP echo service, once it is there", service.NewPing)))
	r.RegisterProtocol(onFabric(protocolOf("switchyard-sniffer", "sees every frame of a fabric and writes it as a line", service.NewSniffer)))
	r.RegisterProtocol(protocolOf("tree", "trees from roots to all cells, and transactions along them", tree.New))
	r.RegisterProperty(Property{"abp/exactly-once-in-order", "every message delivered was accepted, once and in order", abp.NewOracle})
	r.RegisterProperty(Property{"abp5/counts-up", "each side takes the values of the other one after the other", abp5.NewOracle})
	r.RegisterProperty(Property{"abp64/counts-up", "the values arrive one after the other", abp64.NewOracle})
	r.RegisterProperty(Property{"echo/prefix", "what was received is a prefix of what was accepted; one Down for each end", echo.NewOracle})
	r.RegisterProperty(Property{"register/linearizable", "each operation looks as if it happened at one instant between its call and its return", linear.NewRegister})
	r.RegisterProperty(Property{service.OffsetOracleName, "the offset a time client finds is that of the clocks, within the round trip", service.NewOffsetOracle})
	r.RegisterProperty(Property{"switchyard/counters", "what fabrics count is what they did, and adds up", switchyard.NewCounters})
	r.RegisterProperty(Property{"switchyard/delivery", "frames go to whom the tables and subscriptions say, in order, and none is invented", switchyard.NewOracle})
	r.RegisterProperty(Property{service.EchoOracleName, "a reply of the echo service is what was sent", service.NewEchoOracle})
	r.RegisterProperty(Property{service.LeaseOracleName, "addresses are given from the pool, and to one at a time", service.NewLeaseOracle})
	r.RegisterProperty(Property{"switchyard/storm", "no frame goes round for ever between fabrics that are bridged", switchyard.NewStorm})
	r.RegisterProperty(Property{"tree/at-most-once", "a transaction is executed at most once in a cell, and its answer counts each once", tree.NewOracle})
	r.RegisterProperty(Property{"tree/spanning", "each tree spans the cells that its root can reach, and no others", tree.NewSpanning})
	r.RegisterProperty(Property{"tree/depth", "hops are the depth in the tree, and in our reading the distance from the root", tree.NewDepth})
	r.RegisterProperty(Property{"tree/paths", "a root's list names both ports of each link of its tree once", tree.NewPaths})
}

// protocolOf describes a protocol whose parameters are a struct of type C.
func protocolOf[C any](name, doc string, make func(C) (cells.Protocol, error)) Protocol {
	return Protocol{
		Name: name, Doc: doc,
		Config: func() any { return new(C) },
		New: func(cfg any) (cells.Protocol, error) {
			c, ok := cfg.(*C)
			if !ok {
				return nil, fmt.Errorf("protocol %s: parameters of type %T", name, cfg)
			}
			return make(*c)
		},
	}
}

// onFabric is a protocol whose streams are connections of a Switchyard.
func onFabric(p Protocol) Protocol {
	p.Ethernet = func() replay.PacketReader { return switchyard.NewPackets() }
	return p
}
