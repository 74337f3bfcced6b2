package realnet

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/realnet/meter"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/site"
)

// LateDefault is how late a timer or a send may be where nothing is said.
const LateDefault = 100 * time.Millisecond

// How often the complete state of the site is written down: after so many
// inputs, and where there are few, after so long.
const (
	markInputs = 1 << 12
	markEvery  = time.Second
	markOfRing = 1 << 8 // inputs, where each file of a ring is to have some
)

// Options are what a Driver is made of.
type Options struct {
	// Site is the site's specification. Out is set by the Driver.
	Site site.Config
	// Journal takes every input before it is run; nil for none. The Driver closes
	// it.
	Journal *journal.Writer
	// Ring and RingHeader begin a journal of bounded size instead.
	Ring       *journal.Ring
	RingHeader journal.Header
	// Start is instant 0 of the site, now if zero. Sites of one run share it.
	Start time.Time
	// Late is how late a timer or a send may be before the run is no proof of
	// anything; LateDefault if zero.
	Late time.Duration
	// Log takes what goes wrong with sockets; nil for nobody.
	Log *slog.Logger
}

// Driver is one site on the wall clock. It is a [cells.Datacenter]. All its
// methods may be called from any goroutine.
type Driver struct {
	site  *site.Site
	start time.Time
	log   *slog.Logger

	markAt uint64 // inputs from one checkpoint to the next
	late   lateness

	mu       sync.Mutex // whoever holds it owns what follows
	journal  *journal.Writer
	wires    map[string]*wire // by link
	prepared *prepared
	out      outbox
	in       site.Input // reused
	alarm    *time.Timer
	alarmAt  clock.Time // when it goes off; Never if it does not
	marked   site.Checkpoint
	closed   bool
	failed   error // of the journal, or of the site; the driver is at its end
}

// ErrClosed says that a driver is at its end.
var ErrClosed = errors.New("the site is closed")

// New gives a site without cells, whose clock runs.
func New(o Options) (*Driver, error) {
	d := &Driver{journal: o.Journal, markAt: markInputs, start: o.Start, log: o.Log, wires: make(map[string]*wire), alarmAt: clock.Never}
	now := clock.Wall()
	if d.start.IsZero() {
		d.start = now
	}
	// An instant that came as a number has no reading of the monotonic clock. It
	// gets one, so that a wall that is set moves nothing.
	d.start = now.Add(d.start.Sub(now))
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if o.Late == 0 {
		o.Late = LateDefault
	}
	d.late.bound = o.Late
	o.Site.Out = &d.out
	var err error
	if d.site, err = site.New(o.Site); err != nil {
		return nil, err
	}
	d.out.d = d
	if o.Ring != nil {
		d.markAt = markOfRing
		ring := *o.Ring
		ring.Snapshot = func() ([]byte, clock.Time, error) {
			b, err := d.site.Freeze()
			return b, d.site.Now(), err
		}
		if d.journal, err = ring.Create(o.RingHeader); err != nil {
			return nil, err
		}
	}
	d.alarm = time.AfterFunc(time.Hour, d.ring)
	d.alarm.Stop()
	return d, nil
}

// now is the site's time by the wall: never before what the site has reached.
func (d *Driver) now() clock.Time {
	return max(clock.Time(clock.Wall().Sub(d.start)), d.site.Now())
}

// ring is the alarm: something is due, or was when the alarm was set.
func (d *Driver) ring() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.alarmAt = clock.Never
	if d.over() != nil {
		return
	}
	now := d.now()
	if d.site.Next() > now {
		d.setAlarm()
		return
	}
	// Time that went by is written down too, so that what follows is explained.
	d.in = site.Input{At: now, Kind: site.Mark}
	_, _ = d.take(&d.in)
}

// setAlarm makes sure that the driver is woken for the site's next event. An
// alarm that goes off too early is left alone: setting it costs more.
func (d *Driver) setAlarm() {
	next := d.site.Next()
	if next >= d.alarmAt {
		return
	}
	d.alarmAt = next
	d.alarm.Reset(d.start.Add(time.Duration(next)).Sub(clock.Wall()))
}

// over says why the driver takes nothing in any more, nil if it does.
func (d *Driver) over() error {
	switch {
	case d.closed:
		return ErrClosed
	case d.failed != nil:
		return d.failed
	}
	return nil
}

// take is a turn: it lets what is due happen, takes an input in, and sends what
// follows. In.At is now.
func (d *Driver) take(in *site.Input) (string, error) {
	d.overdue(in.At)
	if d.journal != nil {
		d.journal.Input(in)
	}
	answer, err := d.site.Do(in)
	d.settle()
	if d.failed != nil && err == nil {
		err = d.failed
	}
	return answer, err
}

// settle ends a turn: checkpoint, journal, sockets, alarm.
func (d *Driver) settle() {
	if d.journal != nil {
		d.checkpoint(false)
		if err := d.journal.Flush(); err != nil && d.failed == nil {
			d.fail(fmt.Errorf("the journal: %w", err))
		}
	}
	if err := d.site.Err(); err != nil && d.failed == nil {
		d.fail(err)
	}
	d.out.send()
	if d.failed == nil {
		d.setAlarm()
	}
}

// checkpoint writes the complete state down, if it is time to.
func (d *Driver) checkpoint(last bool) {
	n, now := d.site.Inputs(), d.site.Now()
	if !last && n-d.marked.Inputs < d.markAt && now.Sub(d.marked.At) < markEvery {
		return
	}
	d.marked = d.site.Checkpoint()
	d.journal.Checkpoint(d.marked)
}

// fail ends the driver: what comes is not taken in any more. What the site let
// out before is still sent, unless it is the journal that failed.
func (d *Driver) fail(err error) {
	d.failed = err
	d.alarm.Stop()
	d.log.Error("the site has failed", "site", d.site.Name(), "error", err)
	if d.site.Err() == nil {
		d.out.forget()
	}
}

// Command gives a cell a command; see [cells.Datacenter].
func (d *Driver) Command(cell cells.ID, args []string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.over(); err != nil {
		return "", err
	}
	return d.take(&site.Input{At: d.now(), Kind: site.Command, Cell: cell, Args: args})
}

// Snapshot is the topology with everybody's status; see [cells.Datacenter].
func (d *Driver) Snapshot() (s cells.Snapshot) {
	d.View(func(x *site.Site) { s = x.Network().Snapshot() })
	return s
}

// View lets f look at the site, which stands still meanwhile. What f asks for
// must be quick, and change nothing.
func (d *Driver) View(f func(*site.Site)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over() == nil {
		if now := d.now(); d.site.Next() <= now {
			d.in = site.Input{At: now, Kind: site.Mark}
			_, _ = d.take(&d.in)
		}
	}
	f(d.site)
}

// Now is the site's time.
func (d *Driver) Now() clock.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now()
}

// Start is the site's instant 0.
func (d *Driver) Start() time.Time { return d.start }

// Err is what has stopped the site for good: a handler that panicked, a limit,
// a journal that cannot be written.
func (d *Driver) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// Close ends the site: a last checkpoint, the journal, then the sockets.
func (d *Driver) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	reason := "shutdown"
	if d.failed != nil {
		reason = d.failed.Error()
	} else {
		d.in = site.Input{At: d.now(), Kind: site.Mark}
		_, _ = d.take(&d.in)
	}
	d.closed = true
	d.alarm.Stop()
	err := d.failed
	if d.journal != nil {
		if d.site.Err() == nil {
			d.checkpoint(true)
		}
		err = errors.Join(err, d.journal.Close(journal.Summary{At: d.site.Now(), Reason: reason}))
	}
	wires := d.wires
	d.wires = make(map[string]*wire)
	gone := d.dropPrepared()
	d.mu.Unlock()
	gone()
	for _, w := range wires { // they may be waiting for their turn
		err = errors.Join(err, w.close())
	}
	return err
}

// Lateness is how late timers and sends were.
func (d *Driver) Lateness() Lateness { return d.late.read() }

// lateness measures.
type lateness struct {
	bound         time.Duration
	timers, sends meter.Histogram
	over          uint64 // owned as the site is
	mu            sync.Mutex
}

// Lateness says how far behind the wall a site was.
type Lateness struct {
	Bound  time.Duration `json:"bound_ns"`
	Timers meter.Reading `json:"timers"` // from when it was due to when it ran
	Sends  meter.Reading `json:"sends"`  // from when the frame was due to when the socket had it
	Over   uint64        `json:"over"`   // of both, beyond the bound
}

func (l *lateness) observe(h *meter.Histogram, d time.Duration) bool {
	h.Observe(d)
	if d <= l.bound {
		return false
	}
	l.mu.Lock()
	l.over++
	l.mu.Unlock()
	return true
}

func (l *lateness) read() Lateness {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Lateness{Bound: l.bound, Timers: l.timers.Read(), Sends: l.sends.Read(), Over: l.over}
}

// overdue runs everything due before the wall, instant by instant, and measures
// how late it is.
func (d *Driver) overdue(now clock.Time) {
	for due := d.site.Next(); due < now && d.site.Err() == nil; due = d.site.Next() {
		if late := now.Sub(due); d.late.observe(&d.late.timers, late) && d.journal != nil {
			d.journal.Note(journal.Note{Kind: journal.NoteLate, At: due, Value: int64(late)})
		}
		_ = d.site.RunUntil(due)
	}
}

// note writes an observation down. It waits in the journal's buffer for the next
// input.
func (d *Driver) note(n journal.Note) {
	if d.journal != nil && !d.closed && d.failed == nil {
		n.At = d.now()
		d.journal.Note(n)
	}
}
