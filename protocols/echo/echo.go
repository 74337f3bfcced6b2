// Package echo is a client and a server on streams: the client dials and
// sends, the server sends back what it gets. It exercises what streams can do:
// listeners, dials and accepts, chunks cut anywhere, back-pressure, half-close,
// resets; and its oracle, [NewOracle], judges streams as much as it judges echo.
//
// The first eight bytes of a connection are its id, big endian, drawn by the
// client; the rest follows from the id and the position. The server needs the id
// for what it emits, and sends nothing back before it is whole.
//
// A client's connection:
//
//	state     event                action                                next
//	dialling  up                   send                                  sending
//	sending   echo, or pause over  send what the window leaves room for  sending
//	sending   all is sent          close: half: CloseWrite               draining
//	                               close: full: Close                    done
//	                               close: echoed, none                   draining
//	draining  all is echoed        close: echoed: Close                  done
//	draining  peer's end           Close                                 done
//	any       down                 dial again after redial, if it is set dialling, or failed
//
// A server's connection: bytes are sent back as they come, and the peer's end
// is answered by Close.
//
// Back-pressure: a client has no more than window bytes on the way that did not
// come back, nor more than limit queued. A server whose peer does not keep to
// that closes the connection before its own queue is over limit. With impolite,
// either sends without asking, until the stream overflows and is reset.
package echo

import (
	"fmt"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// Config is what an echo cell is made of.
type Config struct {
	Role        string        `dsim:"role" doc:"which end the cell is" oneof:"client,server" default:"server"`
	Listen      string        `dsim:"listen" doc:"the service a server listens at" default:"echo"`
	Dial        string        `dsim:"dial" doc:"where a client dials, as cell:service" default:""`
	Connections int           `dsim:"connections" doc:"how many connections a client opens" default:"1"`
	Bytes       uint64        `dsim:"bytes" doc:"how many bytes a client sends on each" unit:"bytes" default:"10000"`
	Chunk       des.Sampler   `dsim:"chunk" doc:"how many bytes a client sends at once" unit:"bytes" default:"1000"`
	Pause       des.Sampler   `dsim:"pause" doc:"time between a client's chunks; 0 is as fast as the window allows" unit:"duration" default:"0s"`
	Window      int           `dsim:"window" doc:"how many bytes may be on the way and not back yet" unit:"bytes" default:"16384"`
	Limit       int           `dsim:"limit" doc:"how many bytes may be queued on a connection" unit:"bytes" default:"65536"`
	Close       string        `dsim:"close" doc:"how a client ends: half-close after the last byte, close after it, close after its echo, or not at all" oneof:"half,full,echoed,none" default:"half"`
	Redial      time.Duration `dsim:"redial" doc:"time after which a broken or refused connection is dialled again, from its first byte; 0 is never" default:"0s"`
	Impolite    bool          `dsim:"impolite" doc:"send without regard to window and limit" default:"false"`
	Bug         string        `dsim:"bug" doc:"a mistake to be found by a test of the tests; never for anything else" oneof:",skip-byte" default:""`
}

// The roles of a cell, the ways to close, and the mistake a canary can be
// given.
const (
	Client   = "client"
	Server   = "server"
	Half     = "half"
	Full     = "full"
	Echoed   = "echoed"
	None     = "none"
	SkipByte = "skip-byte" // the server does not send back one byte of each connection
)

// Bounds of a Config.
const (
	ConnectionsMax = 10_000
	BytesMax       = 1 << 40
	QueueMax       = 1 << 24
)

// Defaults is the Config that the tags describe.
func Defaults() Config {
	return Config{
		Role: Server, Listen: "echo", Connections: 1, Bytes: 10_000, Chunk: des.Constant(1000), Pause: des.Constant(0),
		Window: 16 << 10, Limit: 64 << 10, Close: Half,
	}
}

func (c *Config) check() error {
	if c.Chunk == nil {
		c.Chunk = des.Constant(1000)
	}
	if c.Pause == nil {
		c.Pause = des.Constant(0)
	}
	switch {
	case c.Role == Server && c.Listen == "":
		return fmt.Errorf("listen: a server needs a service to listen at")
	case c.Role == Client && c.Dial == "":
		return fmt.Errorf("dial: a client needs a server, as cell:service")
	case c.Role != Server && c.Role != Client:
		return fmt.Errorf("role %q: want client or server", c.Role)
	case c.Connections < 1 || c.Connections > ConnectionsMax:
		return fmt.Errorf("connections %d: from 1 to %d are possible", c.Connections, ConnectionsMax)
	case c.Bytes < headerSize || c.Bytes > BytesMax:
		return fmt.Errorf("bytes %d: from %d to %d are possible", c.Bytes, headerSize, uint64(BytesMax))
	case c.Chunk.Max() < 1:
		return fmt.Errorf("chunk %s: must be more than 0", c.Chunk)
	case c.Pause.Max() < 0:
		return fmt.Errorf("pause %s: must not be negative", c.Pause)
	case c.Window < 1 || c.Window > QueueMax:
		return fmt.Errorf("window %d: from 1 to %d bytes are possible", c.Window, QueueMax)
	case c.Limit < 1 || c.Limit > QueueMax:
		return fmt.Errorf("limit %d: from 1 to %d bytes are possible", c.Limit, QueueMax)
	case c.Redial < 0:
		return fmt.Errorf("redial %s: must not be negative", c.Redial)
	case c.Bug != "" && c.Bug != SkipByte:
		return fmt.Errorf("bug %q: want %s or none", c.Bug, SkipByte)
	}
	switch c.Close {
	case Half, Full, Echoed, None:
		return nil
	}
	return fmt.Errorf("close %q: want half, full, echoed or none", c.Close)
}

// New makes an echo cell.
func New(c Config) (cells.Protocol, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	if c.Role == Server {
		return &server{config: c, conns: make(map[cells.Port]*served)}, nil
	}
	return &client{config: c, calls: make([]call, c.Connections), byPort: make(map[cells.Port]int)}, nil
}
