package replay

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
)

func TestTsharkReadsThePackets(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed; `apt-get install tshark` runs this test")
	}
	const rounds = 200
	tr := mustOpen(t, synthTrace(t, Events, rounds, 0))
	recs, _ := collect(rounds)
	packets, comments, verdict := 0, 0, map[string]bool{}
	for _, r := range recs {
		if r.Op == des.OpVerdict {
			verdict[fmt.Sprint(r.Link, r.A)] = true
		}
	}
	for _, r := range recs {
		if r.Op == des.OpSend || r.Op == des.OpRecv {
			packets++
			if verdict[fmt.Sprint(r.Link, r.A)] {
				comments++
			}
		}
	}
	path := filepath.Join(t.TempDir(), "x.pcapng")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	opt := PcapOptions{Port: func(cell string, port uint32) PcapPort {
		return PcapPort{Name: cell + ":p0", Ethernet: cell == "alice"}
	}}
	counts, err := WritePcapng(f, tr, opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if want := (PcapCounts{2, packets, comments}); counts != want {
		t.Errorf("counts %+v, want %+v", counts, want)
	}
	cmd := exec.Command(tshark, "-r", path, "-T", "fields", "-E", "separator=|",
		"-e", "frame.time_epoch", "-e", "frame.interface_name", "-e", "frame.interface_description",
		"-e", "frame.packet_flags_direction", "-e", "frame.encap_type", "-e", "frame.len", "-e", "frame.comment")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, &stderr)
	}
	for _, bad := range []string{"error", "damaged", "cut short", "isn't"} {
		if strings.Contains(stderr.String(), bad) {
			t.Errorf("tshark: %s", &stderr)
		}
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != packets {
		t.Fatalf("tshark saw %d packets, want %d", len(lines), packets)
	}
	i, seen := 0, 0
	for _, r := range recs {
		if r.Op != des.OpSend && r.Op != des.OpRecv {
			continue
		}
		f := strings.Split(lines[i], "|")
		at := fmt.Sprintf("1577836800.%09d", int64(r.Key.Time)%1e9)
		if r.Key.Time >= 1e9 {
			at = fmt.Sprintf("%d.%09d", 1577836800+int64(r.Key.Time)/1e9, int64(r.Key.Time)%1e9)
		}
		dir, encap := "0x00000002", "45"
		if r.Op == des.OpRecv {
			dir = "0x00000001"
		}
		if r.Cell == "alice" {
			encap = "1"
		}
		want := []string{at, r.Cell + ":p0", "links ab< ab>", dir, encap, fmt.Sprint(len(r.Data))}
		if got := strings.Join(f[:6], "|"); got != strings.Join(want, "|") {
			t.Fatalf("packet %d: %s, want %s", i, got, strings.Join(want, "|"))
		}
		if f[6] != "" {
			seen++
		}
		if verdict[fmt.Sprint(r.Link, r.A)] != (f[6] == "dropped: loss" || f[6] == "bits flipped: 3,77, late by: 5ms") {
			t.Errorf("packet %d: comment %q", i, f[6])
		}
		i++
	}
	if seen != comments || comments == 0 {
		t.Errorf("tshark saw %d comments, want %d", seen, comments)
	}
}

func TestPacketsAreSortedByTime(t *testing.T) {
	var buf, out bytes.Buffer
	w, err := NewWriter(&buf, Header{Level: Events})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		w.Record(&des.Record{Key: des.Key{Time: clock.Time(5 - i)}, Op: des.OpSend, Cell: "a", Data: []byte{byte(i)}})
	}
	if err := w.Close(Summary{}); err != nil {
		t.Fatal(err)
	}
	if _, err := WritePcapng(&out, mustOpen(t, buf.Bytes()), PcapOptions{}); err != nil {
		t.Fatal(err)
	}
	var last uint32
	b := out.Bytes()
	for n := 0; len(b) > 0; b = b[le32(b[4:]):] {
		if le32(b) != 6 {
			continue
		}
		if low := le32(b[16:]); n > 0 && low <= last {
			t.Errorf("packet %d goes back in time", n)
		}
		last = le32(b[16:])
		n++
	}
}

func TestPcapngWantsFramesAndASaneEpoch(t *testing.T) {
	if _, err := WritePcapng(&bytes.Buffer{}, mustOpen(t, synthTrace(t, Choices, 5, 0)), PcapOptions{}); err == nil || !strings.Contains(err.Error(), "level events") {
		t.Errorf("a trace without frames: %v", err)
	}
	tr := mustOpen(t, synthTrace(t, Events, 5, 0))
	if _, err := WritePcapng(&bytes.Buffer{}, tr, PcapOptions{Epoch: time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)}); err == nil {
		t.Error("an epoch before 1970 was taken")
	}
	var a, b bytes.Buffer
	_, err1 := WritePcapng(&a, tr, PcapOptions{})
	_, err2 := WritePcapng(&b, tr, PcapOptions{})
	if err1 != nil || err2 != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Errorf("two exports differ: %v, %v", err1, err2)
	}
}

// pairs finds packets of two bytes each.
type pairs struct{ rest []byte }

func (p *pairs) Packets(chunk []byte, give func([]byte)) {
	for p.rest = append(p.rest, chunk...); len(p.rest) >= 2; p.rest = p.rest[2:] {
		give(p.rest[:2])
	}
}

// TestPacketsOfStreams: a stream is read anew in each direction of each port, in
// the order of time or not.
func TestPacketsOfStreams(t *testing.T) {
	for _, step := range []int{1, -1} {
		var buf, out bytes.Buffer
		w, err := NewWriter(&buf, Header{Level: Events})
		if err != nil {
			t.Fatal(err)
		}
		at := 100
		put := func(op des.Op, cell, data string) {
			at += step
			w.Record(&des.Record{Key: des.Key{Time: clock.Time(at)}, Op: op, Cell: cell, Data: []byte(data)})
		}
		put(des.OpSend, "a", "1")
		put(des.OpRecv, "b", "x2")
		put(des.OpRecv, "a", "3")
		put(des.OpSend, "a", "4567")
		put(des.OpRecv, "b", "8")
		if err := w.Close(Summary{}); err != nil {
			t.Fatal(err)
		}
		n, err := WritePcapng(&out, mustOpen(t, buf.Bytes()), PcapOptions{Port: func(cell string, _ uint32) PcapPort {
			if cell == "b" {
				return PcapPort{}
			}
			return PcapPort{Ethernet: true, Packets: func() PacketReader { return new(pairs) }}
		}})
		if err != nil || n.Packets != 4 { // 14, 56; x2, 8
			t.Errorf("%d packets, %v", n.Packets, err)
		}
		for _, want := range []string{"14", "56", "x2", "8"} {
			if !bytes.Contains(out.Bytes(), []byte(want)) {
				t.Errorf("no packet %q", want)
			}
		}
	}
}
