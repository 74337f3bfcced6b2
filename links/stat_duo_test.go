package links

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
)

// duo is two cells, a and b, with one link of frames between them, "ab", and
// what either has sent and seen. What the link did is told by what arrived.
type duo struct {
	tb       testing.TB
	seed     uint64
	sched    *des.Scheduler
	host     *cells.Host
	net      *Network
	ends     [2]*duoEnd
	batches  uint64
	verdicts [2]map[uint64]Verdict // by direction: those that are not plain, once judged
}

// feed is what one end of a duo sends by itself.
type feed struct {
	count int
	burst int           // frames sent at once; 0 is 1
	gap   time.Duration // from one burst to the next
	size  int           // of each frame
	sizes des.Sampler   // instead of size
	gaps  des.Sampler   // instead of gap
	blank bool          // all bits are 0, so that flips show
}

// duoEnd is one cell of a duo. Its frames carry their number in the first four
// bytes, unless they are blank or shorter.
type duoEnd struct {
	feed
	rand  *cells.Rand
	sent  []clock.Time
	got   []arrival
	flips []bitAt
	large []byte // a frame that Buf has no room for
}

type arrival struct {
	num  int // of blank frames: how many came before
	size int
	at   clock.Time
}

// bitAt is a bit that was flipped, counted from the first byte's most
// significant.
type bitAt struct{ frame, bit int }

func (d *duoEnd) Start(e cells.Env) { d.rand = e.Rand("feed") }

func (d *duoEnd) Up(e cells.Env, _ cells.Port) {
	if len(d.sent) < d.count {
		e.Arm(0, d.gap)
	}
}

func (d *duoEnd) Down(cells.Env, cells.Port, error) {}

func (d *duoEnd) Timer(e cells.Env, _ cells.TimerID) {
	for range max(d.burst, 1) {
		if len(d.sent) == d.count {
			return
		}
		size := d.size
		if d.sizes != nil {
			size = int(d.rand.Sample(d.sizes))
		}
		d.send(e, size)
	}
	gap := d.gap
	if d.gaps != nil {
		gap = time.Duration(d.rand.Sample(d.gaps))
	}
	e.Arm(0, gap)
}

func (d *duoEnd) send(e cells.Env, size int) {
	b := e.Buf()
	if size > cap(b) {
		d.large = slices.Grow(d.large[:0], size)
		b = d.large
	}
	b = b[:size]
	clear(b)
	if !d.blank && size >= 4 {
		binary.BigEndian.PutUint32(b, uint32(len(d.sent)))
	}
	d.sent = append(d.sent, e.Now())
	e.Send(0, b)
}

// Command sends one frame of each size given.
func (d *duoEnd) Command(e cells.Env, sizes []string) (string, error) {
	for _, s := range sizes {
		size, err := des.ParseSize(s)
		if err != nil {
			return "", err
		}
		d.send(e, int(size))
	}
	return "", nil
}

func (d *duoEnd) Recv(e cells.Env, _ cells.Port, b []byte) {
	a := arrival{num: len(d.got), size: len(b), at: e.Now()}
	if !d.blank && len(b) >= 4 {
		a.num = int(binary.BigEndian.Uint32(b))
	}
	d.got = append(d.got, a)
	for i, x := range b {
		for ; d.blank && x != 0; x &^= 0x80 >> bits.LeadingZeros8(x) {
			d.flips = append(d.flips, bitAt{a.num, 8*i + bits.LeadingZeros8(x)})
		}
	}
}

// paramList reads "loss=10% delay=1ms"; within a value, blanks are not written.
func paramList(text string) (list []cells.Param) {
	for _, f := range strings.Fields(text) {
		name, value, _ := strings.Cut(f, "=")
		list = append(list, cells.Param{Name: name, Value: value})
	}
	return list
}

// newDuo gives a duo whose link has the parameters given, and whose ends feed
// it. Nothing has run yet.
func newDuo(tb testing.TB, seed uint64, params string, feeds ...feed) *duo {
	d := &duo{tb: tb, seed: seed, sched: des.NewScheduler(des.Config{})}
	d.host = cells.NewHost(d.sched, cells.Options{Seed: des.SeedOf(seed)})
	for k := range d.ends {
		d.ends[k] = new(duoEnd)
		if k < len(feeds) {
			d.ends[k].feed = feeds[k]
		}
		d.ends[k].blank = len(feeds) > 0 && feeds[0].blank
	}
	d.net = New(d.host, Options{
		Make: func(c cells.CellSpec) (cells.Protocol, error) { return d.ends[c.ID[0]-'a'], nil },
	})
	d.apply(
		cells.Change{Op: cells.AddCell, Cell: cells.CellSpec{ID: "a", Ports: []string{"p"}}},
		cells.Change{Op: cells.AddCell, Cell: cells.CellSpec{ID: "b", Ports: []string{"p"}}},
		linkAB(params))
	return d
}

func linkAB(params string) cells.Change {
	return cells.Change{Op: cells.AddLink, Link: cells.LinkSpec{
		Name: "ab", A: cells.Endpoint{Cell: "a", Port: "p"}, B: cells.Endpoint{Cell: "b", Port: "p"}, Both: paramList(params),
	}}
}

// judged makes the duo keep its verdicts.
func (d *duo) judged() *duo {
	for k := range d.verdicts {
		d.verdicts[k] = make(map[uint64]Verdict)
	}
	d.net.lanes[0].choices = d
	return d
}

// Choose keeps a verdict as it is written down, read back.
func (d *duo) Choose(c *des.Choice) {
	v, err := ParseVerdict(c.Value)
	if err != nil || c.What != "verdict" || c.Where != "ab>" && c.Where != "ab<" {
		d.tb.Errorf("choice %+v: %v", c, err)
	}
	d.verdicts[strings.Index("><", c.Where[2:])][c.N] = v
}

func (d *duo) apply(batch ...cells.Change) {
	d.tb.Helper()
	d.batches++
	if err := d.net.Apply(d.batches, batch); err != nil {
		d.tb.Fatal(err)
	}
}

// set changes parameters of both directions now.
func (d *duo) set(params string) {
	d.tb.Helper()
	d.apply(cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{Name: "ab", Both: paramList(params)}})
}

// send makes a cell send frames of the given sizes now.
func (d *duo) send(from cells.ID, sizes ...int) {
	d.tb.Helper()
	words := make([]string, len(sizes))
	for i, s := range sizes {
		words[i] = fmt.Sprint(s)
	}
	if _, err := d.net.Command(from, words); err != nil {
		d.tb.Fatal(err)
	}
}

// until runs everything due at or before t.
func (d *duo) until(t time.Duration) {
	d.tb.Helper()
	if err := d.sched.RunUntil(clock.Time(t)); err != nil {
		d.tb.Fatal(err)
	}
}

// run runs until nothing is left to do, and checks that no frame has leaked and
// that every frame is accounted for.
func (d *duo) run() *duo {
	d.tb.Helper()
	for next := d.sched.Next(); next != clock.Never; next = d.sched.Next() {
		d.until(time.Duration(next) + time.Hour)
	}
	if n := d.host.FramesInUse(); n != 0 {
		d.tb.Fatalf("%d frames are still in use", n)
	}
	for k, c := range d.counts() {
		if c.Sent+c.Duplicated != c.Delivered+c.Dropped || c.Delivered != uint64(len(d.ends[1-k].got)) {
			d.tb.Fatalf("direction %d: %+v, and %d arrived", k, c, len(d.ends[1-k].got))
		}
	}
	return d
}

// counts are what the two directions have counted.
func (d *duo) counts() [2]Counts {
	d.tb.Helper()
	c, ok := d.net.Link("ab")
	if !ok {
		d.tb.Fatal("no link ab")
	}
	return c
}

// drops is how many frames that a sent were lost for a reason.
func (d *duo) drops(r cells.Reason) uint64 {
	ref, _ := d.host.Find("a")
	p, _ := d.host.StaticPort(ref, "p")
	return d.host.Drops(p, r)
}
