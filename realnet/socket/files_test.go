//go:build linux || darwin

package socket

import (
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestCloseRemovesEverything: files, goroutines and descriptors, also while the
// other end is missing.
func TestCloseRemovesEverything(t *testing.T) {
	eachKind(t, func(t *testing.T, p pairing) {
		round := func() {
			a, b, ha, hb := twoEnds(t, p)
			back(t, a, b, ha, hb)
			b.Close()
			a.Close()
			sc, cc := p.pair(t)
			for _, c := range []Config{sc, cc} {
				w := mustOpen(t, c, &ear{})
				w.Close()
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				left, err := filepath.Glob(filepath.Dir(c.Path) + "/*")
				if c.Path != "" && (err != nil || len(left) > 0) {
					t.Fatalf("files are left: %v, %v", left, err)
				}
			}
		}
		round()
		goroutines, files := runtime.NumGoroutine(), descriptors(t)
		for range 5 {
			round()
		}
		until(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines })
		until(t, "files are closed", func() bool { return descriptors(t) <= files })
	})
}

// descriptors counts this process's open files, 0 where that cannot be seen.
func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(names)
}

// stale leaves a socket file behind, as a killed process does.
func stale(t *testing.T, network, path string) {
	t.Helper()
	addr := &net.UnixAddr{Name: path, Net: network}
	if network == "unixgram" {
		c, err := net.ListenUnixgram(network, addr)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		return
	}
	l, err := net.ListenUnix(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func TestStaleFilesAreReplaced(t *testing.T) {
	for _, kind := range []string{"unix", "unix-stream"} {
		for _, left := range []string{"unixgram", "unix"} {
			path := filepath.Join(shortFolder(t), "w.sock")
			stale(t, left, path)
			if kind == "unix" {
				stale(t, left, path+clientSuffix)
			}
			ha, hb := &ear{}, &ear{}
			a := mustOpen(t, Config{Kind: kind, Path: path, Mode: "server"}, ha)
			b := mustOpen(t, Config{Kind: kind, Path: path, Mode: "client"}, hb)
			back(t, a, b, ha, hb)
		}
	}
}

// TestWhatIsNotStaleStays: files, sockets in use, sockets of others.
func TestWhatIsNotStaleStays(t *testing.T) {
	dir := shortFolder(t)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	gram, flow, foreign := filepath.Join(dir, "gram"), filepath.Join(dir, "flow"), filepath.Join(dir, "foreign")
	mustOpen(t, Config{Kind: "unix", Path: gram, Mode: "server"}, &ear{})
	mustOpen(t, Config{Kind: "unix", Path: gram, Mode: "client"}, &ear{}) // so that it is connected
	mustOpen(t, Config{Kind: "unix-stream", Path: flow, Mode: "server"}, &ear{})
	stale(t, "unixgram", foreign)
	wants := map[string]string{
		file: "is there and is no socket: only stale sockets are removed",
		gram: "is in use by another socket", flow: "is in use by another socket",
		filepath.Join(dir, "none", "w"): "no such file or directory",
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(foreign, 4711, -1); err != nil {
			t.Fatal(err)
		}
		wants[foreign] = "is a socket of user 4711: only stale sockets of one's own are removed"
	}
	for path, want := range wants {
		for _, kind := range []string{"unix", "unix-stream"} {
			_, err := Open(Config{Kind: kind, Path: path, Mode: "server"}, &ear{})
			if err == nil || !strings.HasSuffix(err.Error(), path+": "+want) {
				t.Errorf("%s at %s: %v", kind, path, err)
			}
			if _, err := os.Lstat(path); err != nil && path != filepath.Join(dir, "none", "w") {
				t.Errorf("%s is gone", path)
			}
		}
	}
}

// TestReplacedFileStays: a wire whose file another has taken leaves it alone.
func TestReplacedFileStays(t *testing.T) {
	path := filepath.Join(shortFolder(t), "w.sock")
	a := mustOpen(t, Config{Kind: "unix", Path: path, Mode: "server"}, &ear{})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	b := mustOpen(t, Config{Kind: "unix", Path: path, Mode: "server"}, &ear{})
	a.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Fatal("the file of a closed wire is there")
	}
}

// TestSilentServerHearsTheNextClient: an end that only listens is connected to a
// peer that was killed; the next under the same name is heard all the same.
func TestSilentServerHearsTheNextClient(t *testing.T) {
	path := filepath.Join(shortFolder(t), "w.sock")
	h := &ear{}
	w := mustOpen(t, Config{Kind: "unix", Path: path, Mode: "server"}, h)
	for n := range 3 {
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path + ".c", Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		until(t, "the client is heard", func() bool {
			_, err := c.WriteToUnix([]byte("here I am"), &net.UnixAddr{Name: path, Net: "unixgram"})
			return err == nil
		})
		until(t, "the client is heard", func() bool { return len(h.heard()) > n })
		until(t, "the server knows it", isUp(w))
		c.Close() // its file stays, as when the process is killed
		if err := os.Remove(path + ".c"); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.Counters().Connects; got < 3 {
		t.Fatalf("connected %d times", got)
	}
}

// TestNewestPeerWins: a server that still has a connection takes the next one.
func TestNewestPeerWins(t *testing.T) {
	path := filepath.Join(shortFolder(t), "w.sock")
	h := &ear{}
	w := mustOpen(t, Config{Kind: "unix-stream", Path: path, Mode: "server"}, h)
	var last net.Conn
	for n := range 20 {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte{0, 0, 0, 1, byte(n)}); err != nil {
			t.Fatal(err)
		}
		until(t, "the newest is heard", func() bool {
			all := h.heard()
			return len(all) > 0 && all[len(all)-1][0] == byte(n)
		})
		if last != nil {
			if _, err := last.Read(make([]byte, 1)); err == nil {
				t.Fatal("the one before is still used")
			}
		}
		last = c
	}
	until(t, "it is used", func() bool { return w.Send([]byte("hello")) == nil })
	b := make([]byte, 16)
	if n, err := last.Read(b); err != nil || string(b[:n]) != "\x00\x00\x00\x05hello" {
		t.Fatalf("%q, %v", b[:n], err)
	}
}

// TestBadFramingEndsTheConnection, and is counted.
func TestBadFramingEndsTheConnection(t *testing.T) {
	path := filepath.Join(shortFolder(t), "w.sock")
	h := &ear{}
	w := mustOpen(t, Config{Kind: "unix-stream", Path: path, Mode: "server"}, h)
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	good := binary.BigEndian.AppendUint32(nil, 2)
	bad := binary.BigEndian.AppendUint32(append(good, "ok"...), FrameMax+1)
	if _, err := c.Write(bad); err != nil {
		t.Fatal(err)
	}
	until(t, "it is broken", func() bool { return w.Status() == "disconnected" })
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Fatal("the connection goes on")
	}
	if n := w.Counters().BadFrames; n != 1 || len(h.heard()) != 1 || h.told() != "[connected broken]" {
		t.Fatalf("%d bad frames, %d good ones, told %s: %v", n, len(h.heard()), h.told(), w.Problem())
	}
}

// TestCloseLetsAcceptedFramesLeave: what Send took arrives before the end.
func TestCloseLetsAcceptedFramesLeave(t *testing.T) {
	for _, p := range pairings {
		if !p.reliable {
			continue
		}
		t.Run(p.kind, func(t *testing.T) {
			a, b, _, hb := twoEnds(t, p)
			var taken uint32
			for range 3000 {
				if a.Send(numbered(taken, 1000)) == nil {
					taken++
				}
			}
			a.Close()
			until(t, "the end is noticed", func() bool { return b.Status() == "disconnected" })
			if got := len(hb.heard()); uint32(got) != taken {
				t.Fatalf("%d of %d frames arrived", got, taken)
			}
		})
	}
}
