//go:build linux || darwin

package socket

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"testing"
)

// other says, as JSON, what this process is to be instead of a test.
const other = "DSIM_SOCKET_TEST"

// part is the other process of a test.
type part struct {
	Echo *Config // a wire that sends back
	Bare string  // or a bare socket at this path that does
	Talk *Config // or a wire over which numbers go both ways
}

func TestMain(m *testing.M) {
	if text := os.Getenv(other); text != "" {
		if err := play(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

// play is the other process. It ends when its standard input does.
func play(text string) error {
	var p part
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return err
	}
	if p.Talk != nil {
		return talk(*p.Talk)
	}
	if p.Echo != nil {
		h := &player{}
		h.left.Store(1 << 62)
		ready := make(chan struct{})
		late := &gate{player: h, open: ready}
		w, err := Open(*p.Echo, late)
		if err != nil {
			return err
		}
		h.wire = w
		close(ready)
		defer w.Close()
	} else {
		x, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: p.Bare, Net: "unixgram"})
		if err != nil {
			return err
		}
		defer x.Close()
		go echoBare(x)
	}
	fmt.Println("ready")
	_, _ = os.Stdin.Read(make([]byte, 1))
	return nil
}

// gate is a player that hears nothing until it has its wire.
type gate struct {
	*player
	open chan struct{}
}

func (g *gate) Frame(b []byte) {
	<-g.open
	g.player.Frame(b)
}

// echoBare sends back what comes, without wires.
func echoBare(x *net.UnixConn) {
	buf := make([]byte, 65536)
	for {
		n, from, err := x.ReadFromUnix(buf)
		if err != nil {
			return
		}
		_, _ = x.WriteToUnix(buf[:n], from)
	}
}
