// Package service is what rides on the endpoints of a Switchyard: a host of
// IPv4 that speaks ARP and answers echo requests of ICMP, and on it the services
// and their clients. Each is the protocol of a cell that dials a fabric:
//
//	service   answers                           client      asks
//	Echo      UDP on 7007, with the same        Ping        Echo, until it is there
//	ARP       for addresses of a table
//	ICMP      echo requests, as every host      ICMP        another host
//	NTP       with the cell's own wall clock    NTPClient   how far its clock is off
//	DHCP      with addresses of a pool          DHCPClient  for an address, and keeps it
//	DNS       names of endpoints and a table    DNSClient   a list of questions
//	                                            Sniffer     nothing: it sees all frames
//
// A client looks its server's endpoint up by name, again and again until it is
// there, then asks for its MAC by ARP, or takes that of the look-up. What people
// read of all this are lines, emitted as [KindLine]. Oracles judge that an echo
// is what was sent ([NewEchoOracle]), that no address is given twice
// ([NewLeaseOracle]), and that offsets of clocks are right ([NewOffsetOracle]).
//
// Wall clocks are read as nanoseconds since 1970. How frames get from endpoint
// to endpoint is left to package switchyard, what lies in them to package eth.
package service
