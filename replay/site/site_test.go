package site

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/cells/celltest"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// wire joins the outlets of two sites: what leaves one arrives at the other
// after a while.
type wire struct {
	to   *pair
	from int
}

func (w *wire) Out(link string, b []byte) {
	p := w.to
	at := p.sites[w.from].Now().Add(p.delay)
	p.log[1-w.from] = append(p.log[1-w.from], Input{At: at, Kind: Frame, Link: link, Data: append([]byte(nil), b...)})
}

// pair is two sites of one cell each, driven as a live run drives them.
type pair struct {
	sites   [2]*Site
	log     [2][]Input // what was, or will be, given to each
	done    [2]int
	delay   time.Duration
	now     clock.Time
	version uint64
	owner   map[cells.ID]int
}

func newPair(t testing.TB, make func(cells.CellSpec) (cells.Protocol, error)) *pair {
	p := &pair{delay: 50 * time.Microsecond, owner: map[cells.ID]int{}}
	for k := range p.sites {
		s, err := New(Config{Name: fmt.Sprint(k), Seed: des.SeedOf(7), Make: make, Out: &wire{p, k}})
		if err != nil {
			t.Fatal(err)
		}
		p.sites[k] = s
	}
	return p
}

// step lets the earlier of all that is to come happen.
func (p *pair) step() bool {
	best, at := -1, clock.Never
	for k, s := range p.sites {
		if n := s.Next(); n < at {
			best, at = k, n
		}
		if p.done[k] < len(p.log[k]) && p.log[k][p.done[k]].At < at {
			best, at = k, p.log[k][p.done[k]].At
		}
	}
	if best < 0 || at > clock.Time(1e12) {
		return false
	}
	p.now = max(p.now, at)
	s := p.sites[best]
	if p.done[best] < len(p.log[best]) && p.log[best][p.done[best]].At <= at {
		in := &p.log[best][p.done[best]]
		in.At = max(in.At, s.Now())
		p.done[best]++
		s.Do(in)
		return true
	}
	s.RunUntil(at)
	return true
}

// give hands an input to a site now.
func (p *pair) give(k int, in Input) (string, error) {
	in.At = max(p.now, p.sites[k].Now())
	p.log[k] = append(p.log[k][:p.done[k]], append([]Input{in}, p.log[k][p.done[k]:]...)...)
	p.done[k]++
	return p.sites[k].Do(&in)
}

func both(t testing.TB, p *pair, batch ...cells.Change) {
	t.Helper()
	p.version++
	for k := range p.sites {
		var mine []cells.Change
		for _, c := range batch {
			if c.Op == cells.AddCell && p.ownerOf(c.Cell.ID) != k {
				continue
			}
			mine = append(mine, c)
		}
		if _, err := p.give(k, Input{Kind: Apply, Version: p.version, Batch: mine}); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *pair) ownerOf(id cells.ID) int {
	if id == "alice" {
		return 0
	}
	return 1
}

func probe(id cells.ID) cells.Change {
	return cells.Change{Op: cells.AddCell, Cell: cells.CellSpec{ID: id, Protocol: celltest.ProbeName, Ports: []string{"p0"}}}
}

func (p *pair) command(t testing.TB, k int, words string) string {
	t.Helper()
	id := cells.ID("alice")
	if k == 1 {
		id = "bob"
	}
	answer, err := p.give(k, Input{Kind: Command, Cell: id, Args: strings.Fields(words)})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestFramesCrossTwoSites(t *testing.T) {
	p := newPair(t, celltest.MakeProbe)
	link := cells.LinkSpec{Name: "ab", A: cells.Endpoint{Cell: "alice", Port: "p0"}, B: cells.Endpoint{Cell: "bob", Port: "p0"}, Both: []cells.Param{{Name: "delay", Value: "1ms"}}}
	both(t, p, probe("alice"), probe("bob"), cells.Change{Op: cells.AddLink, Link: link})
	for p.step() {
	}
	p.command(t, 0, "send 0 hello")
	for p.step() {
	}
	if log := p.command(t, 1, "log"); !strings.Contains(log, "up 0 to alice:p0") || !strings.Contains(log, "recv 0 hello") {
		t.Errorf("bob saw\n%s", log)
	}
	one, _ := p.sites[0].Network().Link("ab")
	two, _ := p.sites[1].Network().Link("ab")
	if ab := one[0].Add(two[0]); one[0].Sent != 1 || two[0].Delivered != 1 || ab.Dropped != 0 {
		t.Errorf("the halves count %+v and %+v", one[0], two[0])
	}
	both(t, p, cells.Change{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: "ab"}})
	for p.step() {
	}
	if log := p.command(t, 0, "log"); !strings.HasSuffix(log, "down 0 link removed") {
		t.Errorf("alice saw\n%s", log)
	}
	if _, err := p.give(0, Input{Kind: Frame, Link: "ab", Data: []byte("late")}); err == nil {
		t.Error("a frame of a link that is gone is no error")
	}
}

func TestStreamsCrossTwoSites(t *testing.T) {
	p := newPair(t, celltest.MakeProbe)
	link := cells.LinkSpec{Name: "ab", A: cells.Endpoint{Cell: "alice"}, B: cells.Endpoint{Cell: "bob"}, Stream: true}
	both(t, p, probe("alice"), probe("bob"), cells.Change{Op: cells.AddLink, Link: link})
	listener := p.command(t, 1, "listen svc")
	dialled := p.command(t, 0, "dial bob:svc")
	for p.step() {
	}
	p.command(t, 0, "flood "+dialled+" 200000 900")
	if log := p.command(t, 0, "log"); !strings.Contains(log, "up "+dialled+" to bob:svc") {
		t.Fatalf("alice saw\n%s", log)
	}
	for p.step() {
	}
	if log := p.command(t, 1, "log"); !strings.Contains(log, "at "+listener+" from alice") {
		t.Errorf("bob saw\n%s", log)
	}
	// 200,000 bytes are over the bound: the port goes down, and the peer's too.
	if log := p.command(t, 0, "log"); !strings.Contains(log, "down "+dialled) {
		t.Errorf("alice saw\n%s", log)
	}
	d := p.command(t, 0, "dial bob:svc")
	for p.step() {
	}
	p.command(t, 0, "flood "+d+" 60000 900")
	for p.step() {
	}
	if got := p.command(t, 1, "pattern 4"); got != "60000" {
		t.Errorf("bob got %s", got)
	}
	p.give(0, Input{Kind: Broken, Link: "ab"})
	for p.step() {
	}
	if log := p.command(t, 0, "log"); !strings.HasSuffix(log, "down "+d+" "+cells.ErrReset.Error()) {
		t.Errorf("alice saw\n%s", log)
	}
}

// TestASiteIsAFunctionOfItsInputs gives the inputs of a run to fresh sites.
func TestASiteIsAFunctionOfItsInputs(t *testing.T) {
	p := newPair(t, celltest.MakeProbe)
	link := cells.LinkSpec{Name: "ab", A: cells.Endpoint{Cell: "alice"}, B: cells.Endpoint{Cell: "bob"}, Stream: true, Both: []cells.Param{{Name: "delay", Value: "3ms"}}}
	both(t, p, probe("alice"), probe("bob"), cells.Change{Op: cells.AddLink, Link: link})
	p.command(t, 1, "listen svc")
	d := p.command(t, 0, "dial bob:svc")
	p.command(t, 0, "arm 3 2ms")
	for p.step() {
	}
	p.command(t, 0, "flood "+d+" 60000 900")
	for p.step() {
	}
	for k, s := range p.sites {
		again, err := New(Config{Name: s.Name(), Seed: des.SeedOf(7), Make: celltest.MakeProbe})
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.log[k] {
			again.Do(&p.log[k][i])
		}
		again.RunUntil(s.Now())
		want, got := s.Checkpoint(), again.Checkpoint()
		if diff := got.Diff(&want); diff != "" {
			t.Errorf("site %d, played again: %s", k, diff)
		}
		if len(want.Cells) != 1 || want.Cells[0].Fold == 0 {
			t.Errorf("the checkpoint is %+v", want)
		}
	}
}
