package socket

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"
)

// ethernet is a frame to all, of the type that is free for trials.
func ethernet(n uint32, size int) []byte {
	b := append([]byte{
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1,
		0x88, 0xb5,
	}, numbered(n, size)...)
	return b
}

// ours are the frames of that type: the system sends others on its interfaces.
func ours(h *ear) (out [][]byte) {
	for _, b := range h.heard() {
		if len(b) > 14 && b[12] == 0x88 && b[13] == 0xb5 {
			out = append(out, b)
		}
	}
	return out
}

// TestNamespacesDevices: Ethernet frames go whole and in order between the two
// ends of a cable, and between a TAP device and the interface it is.
func TestNamespacesDevices(t *testing.T) {
	if !inside(t) {
		return
	}
	ip(t, "link add v type veth peer name w")
	ip(t, "link set v up")
	ip(t, "link set w up")
	t.Run("raw", func(t *testing.T) {
		device(t, Config{Kind: "raw", Interface: "v", EtherType: 0x88b5}, Config{Kind: "raw", Interface: "w"})
	})
	t.Run("own", func(t *testing.T) {
		hv, hw := &ear{}, &ear{}
		a := mustOpen(t, Config{Kind: "raw", Interface: "v"}, &ear{})
		beside := mustOpen(t, Config{Kind: "raw", Interface: "v"}, hv)
		far := mustOpen(t, Config{Kind: "raw", Interface: "w"}, hw)
		defer a.Close()
		defer beside.Close()
		defer far.Close()
		if err := a.Send(ethernet(1, 60)); err != nil {
			t.Fatal(err)
		}
		until(t, "it arrives at the other end", func() bool { return len(ours(hw)) == 1 })
		if n := len(ours(hv)); n != 0 {
			t.Fatalf("%d frames that this machine sent came back", n)
		}
	})
	t.Run("tap", func(t *testing.T) {
		device(t, Config{Kind: "tap", Interface: "tap7"}, Config{Kind: "raw", Interface: "tap7"})
		if _, err := net.InterfaceByName("tap7"); err == nil {
			t.Fatal("the TAP device outlives its wire")
		}
	})
	if _, err := Open(Config{Kind: "raw", Interface: "en999"}, &ear{}); err == nil || err.Error() != "wire raw:en999: there is no such interface" {
		t.Fatal(err)
	}
}

func device(t *testing.T, one, two Config) {
	ha, hb := &ear{}, &ear{}
	a := mustOpen(t, one, ha)
	b := mustOpen(t, two, hb)
	defer a.Close()
	defer b.Close()
	until(t, "connected", func() bool { return isUp(a)() && isUp(b)() })
	for n := range uint32(100) {
		for _, way := range []struct {
			from Wire
			to   *ear
		}{{a, hb}, {b, ha}} {
			want := ethernet(n, 60+int(n)*14)
			if err := way.from.Send(want); err != nil {
				t.Fatal(err)
			}
			until(t, "a frame arrives", func() bool { return len(ours(way.to)) > int(n) })
			if got := ours(way.to)[n]; !bytes.Equal(got, want) {
				t.Fatalf("frame %d of %d bytes came as %d bytes", n, len(want), len(got))
			}
		}
	}
	if err := a.Send(ethernet(0, 9000)); !errors.Is(err, ErrTooLong) && one.Kind == "raw" {
		t.Fatalf("over the MTU: %v", err)
	}
	if err := b.Send(ethernet(0, 9000)); !errors.Is(err, ErrTooLong) {
		t.Fatalf("over the MTU: %v", err)
	}
	if len(ours(ha)) != 100 || len(ours(hb)) < 100 || len(ours(hb)) > 101 {
		t.Fatalf("%d and %d frames", len(ours(ha)), len(ours(hb)))
	}
	ip(t, "link set "+two.Interface+" down")
	until(t, "it is noticed", func() bool { return b.Status() == "disconnected" && b.Problem() != nil })
	if err := b.Send(ethernet(0, 60)); !errors.Is(err, ErrNotConnected) {
		t.Fatalf("on an interface that is down: %v", err)
	}
	ip(t, "link set "+two.Interface+" up")
	until(t, "it is up again", isUp(b))
}

// TestNamespacesTakenAway: a device that was taken away is gone for good; a TAP
// device shows the system that its cable is out, may have another name, and is
// refused where it cannot be had.
func TestNamespacesTakenAway(t *testing.T) {
	if !inside(t) {
		return
	}
	gone := func(w Wire) {
		t.Helper()
		until(t, "it is noticed", func() bool { return errors.Is(w.Problem(), ErrGone) && w.Status() == "disconnected" })
	}
	tap := mustOpen(t, Config{Kind: "tap", Interface: "tap8"}, &ear{})
	until(t, "it is up", isUp(tap))
	for _, in := range []bool{false, true} {
		if err := tap.(Cable).Plug(in); err != nil {
			t.Fatal(err)
		}
		until(t, "the carrier", func() bool {
			ifi, err := net.InterfaceByName("tap8")
			return err == nil && ifi.Flags&net.FlagUp != 0 && (ifi.Flags&net.FlagRunning != 0) == in
		})
	}
	ip(t, "link set tap8 down")
	until(t, "it is down", func() bool { return tap.Status() == "disconnected" })
	ip(t, "link set tap8 name tap9")
	ip(t, "link set tap9 up")
	until(t, "it is up under another name", isUp(tap))
	for name, want := range map[string]string{"tap9": "another process has the device", "lo": "and it is no TAP device"} {
		if _, err := Open(Config{Kind: "tap", Interface: name}, &ear{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", name, err, want)
		}
	}
	ip(t, "link del tap9")
	gone(tap)
	if n := tap.Counters().Errors; n != 0 {
		t.Errorf("%d errors of frames that were none", n)
	}
	ip(t, "link add v type veth peer name w")
	ip(t, "link set v up")
	ip(t, "link set w up")
	raw := mustOpen(t, Config{Kind: "raw", Interface: "v"}, &ear{})
	until(t, "it is up", isUp(raw))
	ip(t, "link del v")
	gone(raw)
	ip(t, "link add v type veth peer name w")
	until(t, "it is another", func() bool {
		return strings.Contains(raw.Problem().Error(), "replaced by another") && errors.Is(raw.Problem(), ErrGone)
	})
}
