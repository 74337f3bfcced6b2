//go:build linux || darwin

package socket

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// player answers each frame with the same, at most so often.
type player struct {
	wire Wire
	left atomic.Int64
	done chan struct{}
}

func (p *player) Frame(b []byte) {
	if p.left.Add(-1) < 0 {
		close(p.done)
		return
	}
	_ = p.wire.Send(b)
}
func (p *player) Connected()   {}
func (p *player) Broken(error) {}

// BenchmarkTwoProcesses is round trips with another process over UNIX datagrams,
// beside the same by bare sockets.
func BenchmarkTwoProcesses(b *testing.B) {
	path := func() string { return filepath.Join(shortFolder(b), "w.sock") }
	b.Run("wire", func(b *testing.B) {
		p := path()
		otherProcess(b, part{Echo: &Config{Kind: "unix", Path: p, Mode: "server"}})
		h := &player{done: make(chan struct{})}
		h.wire = mustOpen(b, Config{Kind: "unix", Path: p, Mode: "client"}, h)
		until(b, "connected", isUp(h.wire))
		h.left.Store(int64(b.N) - 1)
		b.ReportAllocs()
		b.ResetTimer()
		if err := h.wire.Send(make([]byte, 64)); err != nil {
			b.Fatal(err)
		}
		<-h.done
	})
	b.Run("bare", func(b *testing.B) {
		p := path()
		otherProcess(b, part{Bare: p})
		y, err := net.DialUnix("unixgram", &net.UnixAddr{Name: p + ".c", Net: "unixgram"}, &net.UnixAddr{Name: p, Net: "unixgram"})
		if err != nil {
			b.Fatal(err)
		}
		defer y.Close()
		buf, msg := make([]byte, 65536), make([]byte, 64)
		for b.Loop() {
			y.Write(msg)
			y.Read(buf)
		}
	})
}

// otherProcess starts this test binary as something else, until the end of t.
func otherProcess(t testing.TB, p part) {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), other+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
}

// rally has n round trips between two wires of one process.
func rally(t testing.TB, server, client Config) (play func(n, size int)) {
	t.Helper()
	a, b := &player{}, &player{}
	a.wire = lateWire(t, server, a)
	b.wire = lateWire(t, client, b)
	until(t, "connected", func() bool { return isUp(a.wire)() && isUp(b.wire)() })
	return func(n, size int) {
		a.done = make(chan struct{})
		a.left.Store(int64(n) - 1)
		b.left.Store(1 << 62)
		if err := a.wire.Send(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		<-a.done
	}
}

// lateWire opens a wire whose handler needs it: nothing comes before it is told.
func lateWire(t testing.TB, c Config, h Handler) Wire { return mustOpen(t, c, h) }

// BenchmarkWire is round trips, each kind beside the same without wires.
func BenchmarkWire(b *testing.B) {
	for _, p := range pairings {
		for _, size := range []int{64, 1400} {
			b.Run(fmt.Sprintf("%s/%d", p.kind, size), func(b *testing.B) {
				server, client := p.pair(b)
				play := rally(b, server, client)
				b.ReportAllocs()
				b.ResetTimer()
				play(b.N, size)
			})
		}
	}
	b.Run("bare-unix/64", func(b *testing.B) { bareEcho(b, 64) })
}

// bareEcho is two goroutines and two connected sockets of package net.
func bareEcho(b *testing.B, size int) {
	dir := shortFolder(b)
	one, two := &net.UnixAddr{Name: filepath.Join(dir, "1"), Net: "unixgram"}, &net.UnixAddr{Name: filepath.Join(dir, "2"), Net: "unixgram"}
	x, err := net.ListenUnixgram("unixgram", one)
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	y, err := net.DialUnix("unixgram", two, one)
	if err != nil {
		b.Fatal(err)
	}
	defer y.Close()
	go echoBare(x)
	buf, msg := make([]byte, 65536), make([]byte, size)
	b.ReportAllocs()
	for b.Loop() {
		y.Write(msg)
		y.Read(buf)
	}
}

// TestNoAllocation: a round trip over any kind takes no memory, once under way.
func TestNoAllocation(t *testing.T) {
	eachKind(t, func(t *testing.T, p pairing) {
		server, client := p.pair(t)
		play := rally(t, server, client)
		play(100, 1000) // buffers grow to their size
		const n = 2000
		if per := testing.AllocsPerRun(1, func() { play(n, 1000) }); per > n/20 {
			t.Fatalf("%v allocations in %d round trips", per, n)
		}
	})
}
