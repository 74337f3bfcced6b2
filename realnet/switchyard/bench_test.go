package switchyard

import (
	"bufio"
	"encoding/binary"
	"fmt"
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
	r    *bufio.Reader
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
	s.r = r
	return s
}

// count reads frames until the connection ends, and says after each how many
// there were.
func (s *subscriber) count(tell func(n uint64)) {
	var buf [64 << 10]byte
	for {
		if _, err := io.ReadFull(s.r, buf[:4]); err != nil {
			return
		}
		if _, err := io.ReadFull(s.r, buf[:binary.BigEndian.Uint32(buf[:])]); err != nil {
			return
		}
		tell(s.got.Add(1))
	}
}

// The load of a fabric: broadcasts of one subscriber to all others, in bursts. A
// burst is sent when all have read the one that was sent ahead bursts before it,
// so that the load is as fast as the slowest of them reads, and no frame finds a
// full queue.
const (
	subscribers = 64
	burst       = 16 // frames
	ahead       = 8  // bursts
)

// load gives the frames that a fabric delivers in a second.
func load(b *testing.B, addr string, span time.Duration) float64 {
	var left [ahead]atomic.Int32 // subscribers that have a burst to read yet
	read := make(chan struct{}, ahead)
	all := make([]*subscriber, subscribers)
	for i := range all {
		all[i] = subscribe(b, addr, fmt.Sprint("s", i))
		defer all[i].conn.Close()
	}
	for i := range left {
		left[i].Store(subscribers - 1)
		read <- struct{}{}
	}
	for _, s := range all[1:] {
		go s.count(func(n uint64) {
			if n%burst > 0 {
				return
			}
			if l := &left[n/burst%ahead]; l.Add(-1) == 0 {
				l.Store(subscribers - 1)
				read <- struct{}{}
			}
		})
	}
	frame := frame(eth.Broadcast, eth.MAC{2, 0x53, 0x59, 0, 0, 1}, strings.Repeat("x", 200))
	message := switchyard.Message{Type: switchyard.TypePacketOut, Endpoint: all[0].me, Payload: frame}.Append(nil)
	frames := []byte(strings.Repeat(string(message), burst))
	began := time.Now()
	for time.Since(began) < span {
		select {
		case <-read:
		case <-time.After(10 * time.Second):
			b.Fatal("frames are missing")
		}
		if _, err := all[0].conn.Write(frames); err != nil {
			b.Fatal(err)
		}
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
// fabric, and by the daemon in Python, with the same generator, in one run; and
// by ours while one more subscriber is stuck.
func BenchmarkFabric(b *testing.B) {
	reference := pythonDaemon(b)
	_, addr := serve(b, "")
	var ours, theirs, beside float64
	n := 0.0
	for b.Loop() {
		ours += load(b, addr, time.Second/4)
		theirs += load(b, reference, time.Second/4)
		_, addr = serve(b, "") // names are taken now
		reference = pythonDaemon(b)
		stuck := subscribe(b, addr, "stuck") // never reads
		beside += load(b, addr, time.Second/4)
		stuck.conn.Close()
		_, addr = serve(b, "")
		n++
	}
	b.ReportMetric(ours/n, "frames/s")
	b.ReportMetric(theirs/n, "python/s")
	b.ReportMetric(ours/theirs, "ours/python")
	b.ReportMetric(theirs/ours, "python/ours")
	b.ReportMetric(ours/beside, "free/stuck")
}
