// Package carried are protocols that know nothing of fabrics, on one: each of
// their frames travels in a frame of Ethernet between two endpoints, by
// [switchyard.Carry]. They emit what they always do, so their oracles judge them
// as on any link; and what they show of themselves is as ever, beside what the
// endpoint shows.
//
// A protocol of one's own is carried in the same way: its Config beside an
// endpoint's, and a line in the registry of scenarios.
package carried

import (
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/abp"
	"example.com/dsim/protocols/switchyard"
)

// ABPConfig is what an alternating bit cell on a fabric is made of.
type ABPConfig struct {
	Fabric   string        `dsim:"fabric" doc:"where the fabric is, as cell:service" default:"fabric:switchyard"`
	Endpoint string        `dsim:"endpoint" doc:"the name of its endpoint; the cell's own if empty" default:""`
	Peer     string        `dsim:"peer" doc:"the endpoint at the other end" required:"true"`
	Role     string        `dsim:"role" doc:"what the cell does; both sends and receives on the same port" oneof:"sender,receiver,both" default:"both"`
	Messages uint64        `dsim:"messages" doc:"how many messages the sender sends by itself; a receiver is done when it has delivered as many" default:"0"`
	Size     des.Sampler   `dsim:"size" doc:"size of a message's payload" unit:"bytes" default:"64"`
	Interval des.Sampler   `dsim:"interval" doc:"time from one message to the next; 0 is as fast as they are acknowledged" unit:"duration" default:"0s"`
	RTO      time.Duration `dsim:"rto" doc:"time after which an unacknowledged message is sent again" default:"50ms"`
	Backoff  time.Duration `dsim:"backoff" doc:"time before the first reconnect; then twice as long each time, up to 5s" default:"100ms"`
}

// ABPDefaults is the ABPConfig that the tags describe.
func ABPDefaults() ABPConfig {
	return ABPConfig{
		Fabric: "fabric:" + switchyard.Service, Role: abp.Both, Size: des.Constant(64), Interval: des.Constant(0),
		RTO: 50 * time.Millisecond, Backoff: 100 * time.Millisecond,
	}
}

// NewABP makes an alternating bit cell whose link is a fabric.
func NewABP(c ABPConfig) (cells.Protocol, error) {
	inner := abp.Defaults()
	inner.Role, inner.Messages, inner.RTO = c.Role, c.Messages, c.RTO
	if c.Size != nil {
		inner.Size = c.Size
	}
	if c.Interval != nil {
		inner.Interval = c.Interval
	}
	upper, err := abp.New(inner)
	if err != nil {
		return nil, err
	}
	return switchyard.Carry(switchyard.CarryConfig{
		EndpointConfig: switchyard.EndpointConfig{Fabric: c.Fabric, Name: c.Endpoint, Backoff: c.Backoff},
		Peer:           c.Peer,
	}, upper)
}
