package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay"
	"example.com/dsim/scenarios"
)

// watcher keeps the files and the screen of one run. Nothing it does changes
// the run.
type watcher struct {
	*app
	flags    *runFlags
	scenario *scenarios.Scenario
	file     string
	trace    *replay.Writer // --trace
	frames   *replay.Writer // for --pcap, where --trace does not hold the frames
	dir      string         // of frames
	bar      *progress
}

func (w *watcher) open() (err error) {
	events := w.flags.level == "events"
	if w.flags.trace != "" {
		if w.trace, err = replay.Create(w.flags.trace, header(w.scenario, w.flags, w.file, events)); err != nil {
			return unwritable(w.flags.trace, err)
		}
	}
	if w.flags.pcap != "" && (w.trace == nil || !events) {
		if w.dir, err = os.MkdirTemp("", "dsim-"); err != nil {
			return err
		}
		w.frames, err = replay.Create(filepath.Join(w.dir, "frames.trace"), header(w.scenario, w.flags, w.file, true))
	}
	return err
}

// header says what is run, so that the trace gives it back. Of the file it has
// the name only: where the file lay does not change a trace.
func header(sc *scenarios.Scenario, o *runFlags, file string, events bool) replay.Header {
	h := replay.Header{
		Scenario: sc.Name, Text: string(sc.Text), Seed: sc.Seed.String(), Set: sc.Set, Rng: 1,
		Build: buildInfo().String(), Limits: des.Limits{Events: sc.Run.Events, Delta: sc.Run.Delta},
		Info: map[string]string{"file": filepath.Base(file), "digest": o.digest},
	}
	if events {
		h.Level = replay.Events
	}
	return h
}

// options are the observers of the world.
func (w *watcher) options() scenarios.WorldOptions {
	opt := scenarios.WorldOptions{Full: w.flags.digest == "full", Parallel: w.flags.parallel}
	var records sinks
	if w.trace != nil {
		opt.Choices, opt.Marks = w.trace, w.trace
		if w.flags.level == "events" {
			records = append(records, w.trace)
		}
	}
	if w.frames != nil {
		records = append(records, w.frames)
	}
	switch w.flags.verbose {
	case 0:
	case 1:
		records = append(records, scenarios.Transcript(w.err))
	default:
		records = append(records, &teller{w.err})
	}
	switch len(records) {
	case 0:
	case 1:
		opt.Records = records[0]
	default:
		opt.Records = records
	}
	return opt
}

// sinks hands every record to several.
type sinks []des.Sink

// Record hands a record on.
func (s sinks) Record(r *des.Record) {
	for _, x := range s {
		x.Record(r)
	}
}

// slice is how many events run between two looks at the wall and the user.
const slice = 1 << 16

// drive runs the world to its end, at the pace that was asked for.
func (w *watcher) drive(ctx context.Context, world *scenarios.World) error {
	pace, _ := w.flags.pace() // checked already
	until := w.scenario.Run.Until
	began := clock.Wall()
	w.bar = newProgress(w.err, int64(until), w.scenario.Name)
	defer w.bar.done()
	for !world.Done() {
		if ctx.Err() != nil {
			return w.interrupted(world)
		}
		to := until
		if pace > 0 {
			to = min(until, clock.Time(float64(clock.Wall().Sub(began))*pace))
		}
		reached := world.Advance(to, slice)
		w.bar.set(int64(world.Now()))
		if pace > 0 && reached && !world.Done() {
			next := min(world.Scheduler().Next(), until)
			wait := time.Duration(float64(next-to) / pace)
			select {
			case <-time.After(min(max(wait, 0), 50*time.Millisecond)):
			case <-ctx.Done():
			}
		}
	}
	return nil
}

// interrupted keeps what was written and says where the run was.
func (w *watcher) interrupted(world *scenarios.World) error {
	at := world.Now()
	if w.trace != nil {
		r := world.Result() // marks where it stands, for replay to compare
		_ = w.trace.Close(replay.Summary{Verdict: replay.Interrupted, Digest: r.Digest, End: r.End, Events: r.Events})
		w.trace = nil
		return exit(exitInterrupted, fmt.Errorf("interrupted at %s; the trace so far is in %s", at, w.flags.trace))
	}
	return exit(exitInterrupted, fmt.Errorf("interrupted at %s", at))
}

// close finishes the files, and gives the name of the trace.
func (w *watcher) close(r *scenarios.Result) (string, error) {
	s := replay.Summary{Verdict: verdictText(r), Digest: r.Digest, End: r.End, Events: r.Events}
	var errs []error
	frames := w.flags.trace
	if w.trace != nil {
		errs = append(errs, w.trace.Close(s))
		w.trace = nil
	}
	if w.frames != nil {
		errs = append(errs, w.frames.Close(s))
		w.frames = nil
		frames = filepath.Join(w.dir, "frames.trace")
	}
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	if w.flags.pcap != "" {
		if err := exportPcap(frames, w.flags.pcap, replay.PcapOptions{}); err != nil {
			return "", err
		}
	}
	return w.flags.trace, nil
}

// abort drops what was not finished.
func (w *watcher) abort() {
	for _, x := range []*replay.Writer{w.trace, w.frames} {
		if x != nil {
			_ = x.Abort()
		}
	}
	if w.dir != "" {
		_ = os.RemoveAll(w.dir)
	}
}

func verdictText(r *scenarios.Result) string {
	if r.Failure != nil {
		return string(r.Verdict) + ": " + r.Failure.Property
	}
	return string(r.Verdict)
}

// unwritable speaks of the file that was asked for, and not of the one that
// stands in for it until it is whole.
func unwritable(path string, err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = &fs.PathError{Op: "write", Path: path, Err: pe.Err}
	}
	return err
}

// writeFile writes a file as a whole, or not at all.
func writeFile(path string, write func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return unwritable(path, err)
	}
	err = write(f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		if e := os.Remove(f.Name()); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// teller prints every record as it happens.
type teller struct{ to *screen }

// Record prints a record on one line.
func (t *teller) Record(r *des.Record) { t.to.printf("%s\n", recordLine(r)) }

// recordLine is a record on one line, for people.
func recordLine(r *des.Record) string {
	var b strings.Builder
	who := r.Cell
	if who == "" {
		who = r.Link
	}
	fmt.Fprintf(&b, "%14s  %-12s %-9s", r.Key.Time, who, r.Op)
	if r.Link != "" {
		fmt.Fprintf(&b, " %s#%d", r.Link, r.A)
	}
	switch r.Op {
	case des.OpEmit:
		fmt.Fprintf(&b, " %s", r.Kind)
		if r.Text == "" {
			fmt.Fprintf(&b, " %d %d", r.A, r.B)
		}
	case des.OpTimer, des.OpArm, des.OpDisarm:
		fmt.Fprintf(&b, " timer %d", r.A)
		if r.Op == des.OpArm {
			fmt.Fprintf(&b, ", due %s by its clock", clock.Time(r.B))
		}
	case des.OpUp, des.OpDown, des.OpCredit, des.OpClose, des.OpCloseWrite:
		fmt.Fprintf(&b, " port %d", r.Port)
		if r.A != 0 {
			fmt.Fprintf(&b, " %d", r.A)
		}
	}
	if r.Text != "" {
		b.WriteString(" " + r.Text)
	}
	if len(r.Data) > 0 {
		fmt.Fprintf(&b, " %d bytes %.32x", len(r.Data), r.Data)
	}
	return strings.TrimRight(b.String(), " ")
}
