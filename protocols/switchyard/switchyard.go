// Package switchyard is a virtual network of Ethernet frames over streams: a
// fabric that learns where addresses live, and the endpoints that ride on it.
//
// The fabric listens at a service, "switchyard", on which clients dial it. A
// message is
//
//	length    u32, of all that follows: 12 to 65548
//	version   u16, 1
//	type      u16, as in the table of [Type]
//	endpoint  u32; 0 where a control message does not say otherwise
//	flags     u32; bit 0 asks for every frame, in SUBSCRIBE and PACKET_IN
//	payload   JSON in UTF-8 (control), or an Ethernet frame (data)
//
// all big endian. A connection, at the fabric:
//
//	state     message                     answer                         next
//	silent    HELLO                       WELCOME                        greeted
//	silent    any other                   ERROR, close                   closed
//	greeted   ENDPOINT_CREATE             ENDPOINT_CREATED, or ERROR     greeted
//	greeted   ENDPOINT_LOOKUP             ENDPOINT_INFO, or ERROR        greeted
//	greeted   SUBSCRIBE                   SUBSCRIBED, or ERROR           greeted
//	greeted   PACKET_OUT                  none, or ERROR                 greeted
//	greeted   a type nobody knows         ERROR                          greeted
//	any       a length or version that    ERROR, close                   closed
//	          cannot be
//
// A frame for all, or for an address nobody has, goes to every endpoint but its
// source, in the order of their numbers; a frame for a known address to that
// endpoint alone, the source itself if it is the one. Each endpoint passes it to
// its subscriptions in their order, and one without any swallows it. A
// subscription with the flag Promisc sees each frame as it enters the fabric,
// once, wherever it goes.
//
// The table of addresses is filled by ENDPOINT_CREATE and by the source of each
// frame, and the last word counts. Group addresses are never learned.
//
// Beyond the first Switchyard, with types from 40 on that nobody gets who did
// not ask: impairments per endpoint and pair, a ring of captured frames and
// their replay, numbers, and rules that the fabric distributes by version and
// the endpoints apply (the fabric itself, for clients that cannot). Answers to
// control messages come in the order of the questions, with frames between.
//
// A client that does not read loses its own frames and nobody else's: what does
// not fit its stream's queue is dropped and counted.
//
// An [Endpoint] is the client's side as a state machine, on which an [App]
// rides: a service, a traffic source, a [Bridge] between two fabrics, or any
// protocol with a frame port ([Carry]). What is inside of frames is left to
// package eth, services to package service.
package switchyard

import (
	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// Service is where a fabric listens if nothing else is said.
const Service = "switchyard"

// What the fabric and its endpoints emit. Sums are [Sum] of a frame; a session
// is drawn by a client for each connection, and told in HELLO.
var (
	// At an endpoint: a connection is there, a frame was handed to it, one came
	// from it. The sum of what came takes in the endpoint and the flags of the
	// message, see [sumIn].
	KindSession  = cells.NewKind("switchyard-session", "session", "endpoint")
	KindSent     = cells.NewKind("switchyard-sent", "session", "sum")
	KindReceived = cells.NewKind("switchyard-received", "session", "sum")

	// At the fabric.
	KindBegun      = cells.NewKind("switchyard-begun", "", "")
	KindHello      = cells.NewKind("switchyard-hello", "connection", "session")
	KindGone       = cells.NewKind("switchyard-gone", "connection", "code")
	KindEndpoint   = cells.NewKind("switchyard-endpoint", "endpoint", "mac")
	KindRemoved    = cells.NewKind("switchyard-removed", "endpoint", "")
	KindSubscribed = cells.NewKind("switchyard-subscribed", "endpoint", "connection") // twice the connection, and one more if promiscuous
	KindAged       = cells.NewKind("switchyard-aged", "mac", "")
	KindIn         = cells.NewKind("switchyard-in", "connection", "endpoint") // a frame enters; KindFrame and KindMACs follow
	KindReplayed   = cells.NewKind("switchyard-replayed", "endpoint", "number")
	KindMirror     = cells.NewKind("switchyard-mirror", "connection", "endpoint") // KindFrame follows; connection 0 is the fabric, in place of a client
	KindFrame      = cells.NewKind("switchyard-frame", "sum", "bytes")
	KindMACs       = cells.NewKind("switchyard-macs", "destination", "source")
	KindImpaired   = cells.NewKind("switchyard-impaired", "endpoint", "copies") // copies now, and 256 times those later
	KindLate       = cells.NewKind("switchyard-late", "endpoint", "sum")        // a copy from earlier arrives
	KindOut        = cells.NewKind("switchyard-out", "subscription", "sum")     // subscriptions count from 1
	KindFull       = cells.NewKind("switchyard-full", "subscription", "sum")
	KindBlocked    = cells.NewKind("switchyard-blocked", "subscription", "sum") // by a rule, in place of the client
	KindRules      = cells.NewKind("switchyard-rules", "endpoint", "version")
	KindApplied    = cells.NewKind("switchyard-applied", "endpoint", "version") // at the endpoint, and at the fabric when it is told
)

// Sum is a number of a frame's bytes.
func Sum(frame []byte) int64 {
	var f des.Fold
	f.Frame(0, 0, frame, true)
	return int64(f)
}

// sumIn is the sum of a frame that came for an endpoint under flags.
func sumIn(sum int64, endpoint, flags uint32) int64 {
	f := des.Fold(sum)
	f.Add(uint64(endpoint)<<32 | uint64(flags))
	return int64(f)
}
