package switchyard

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/switchyard"
)

// subscriber reads what a fabric sends it, and counts frames.
type subscriber struct {
	conn net.Conn
	got  atomic.Uint64
	me   uint32
}

func subscribe(b *testing.B, addr, name string) *subscriber {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	s := &subscriber{conn: c}
	r := bufio.NewReaderSize(c, 64<<10)
	ask := func(m switchyard.Message) switchyard.Message {
		if _, err := c.Write(m.Append(nil)); err != nil {
			b.Fatal(err)
		}
		var head [4]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			b.Fatal(err)
		}
		body := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(r, body); err != nil {
			b.Fatal(err)
		}
		answer, err := switchyard.ParseMessage(body)
		if err != nil || answer.Type == switchyard.TypeError {
			b.Fatalf("%v: %s", err, answer)
		}
		return answer
	}
	ask(switchyard.Message{Type: switchyard.TypeHello, Payload: payload("client_name", name)})
	me, err := switchyard.ParseIdentity(ask(switchyard.Message{Type: switchyard.TypeEndpointCreate, Payload: payload("name", name)}).Payload)
	if err != nil {
		b.Fatal(err)
	}
	s.me = me.Endpoint
	ask(switchyard.Message{Type: switchyard.TypeSubscribe, Endpoint: s.me, Payload: payload()})
	go func() {
		buf := make([]byte, 128<<10)
		for {
			if _, err := io.ReadFull(r, buf[:4]); err != nil {
				return
			}
			n := binary.BigEndian.Uint32(buf)
			if _, err := io.ReadFull(r, buf[:n]); err != nil {
				return
			}
			s.got.Add(1)
		}
	}()
	return s
}

// load sends broadcasts from the first of 64 subscribers to the others for a
// while, as fast as the slowest of them reads, and gives the frames that were
// delivered in a second.
func load(b *testing.B, addr string, span time.Duration) float64 {
	const subscribers, ahead = 64, 32
	all := make([]*subscriber, subscribers)
	for i := range all {
		all[i] = subscribe(b, addr, "s"+string(rune('A'+i/26))+string(rune('a'+i%26)))
		defer all[i].conn.Close()
	}
	frame := frame(eth.Broadcast, eth.MAC{2, 0x53, 0x59, 0, 0, 1}, strings.Repeat("x", 200))
	message := switchyard.Message{Type: switchyard.TypePacketOut, Endpoint: all[0].me, Payload: frame}.Append(nil)
	burst := []byte(strings.Repeat(string(message), ahead/2))
	slowest := func() uint64 {
		least := ^uint64(0)
		for _, s := range all[1:] {
			least = min(least, s.got.Load())
		}
		return least
	}
	sent, began := uint64(0), time.Now()
	for time.Since(began) < span {
		for sent > slowest()+ahead/2 {
			time.Sleep(20 * time.Microsecond)
			if time.Since(began) > 10*span {
				b.Fatalf("%d frames were sent, the slowest subscriber has %d", sent, slowest())
			}
		}
		if _, err := all[0].conn.Write(burst); err != nil {
			b.Fatal(err)
		}
		sent += ahead / 2
	}
	spent := time.Since(began).Seconds()
	total := uint64(0)
	for _, s := range all[1:] {
		total += s.got.Load()
	}
	return float64(total) / spent
}

// pythonDaemon runs the daemon of docs/examples/switchyard-python on a port that
// is free.
func pythonDaemon(t testing.TB) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	l.Close()
	background(t, script(t, "switchyardd.py", "--port", port(t, addr)))
	for range 1000 {
		if x, err := net.Dial("tcp", addr); err == nil {
			x.Close()
			return addr
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the daemon does not answer")
	return ""
}

// BenchmarkFabric is broadcasts to 64 subscribers over loopback TCP: by our
// fabric, and by the daemon in Python, with the same generator, in one run.
func BenchmarkFabric(b *testing.B) {
	reference := pythonDaemon(b)
	_, addr := serve(b, "")
	var ours, theirs float64
	n := 0.0
	for b.Loop() {
		ours += load(b, addr, time.Second/4)
		theirs += load(b, reference, time.Second/4)
		_, addr = serve(b, "") // names are taken now
		reference = pythonDaemon(b)
		n++
	}
	b.ReportMetric(ours/n, "frames/s")
	b.ReportMetric(theirs/n, "python/s")
	b.ReportMetric(ours/theirs, "x/python")
}
