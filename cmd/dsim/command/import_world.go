package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/playback"
	"example.com/dsim/scenarios"
)

// importer makes a scenario out of what was done to a live run.
type importer struct {
	m     *playback.Merged
	asked *scenarios.Scenario // what was run, if the journals tell
	base  clock.Time          // of the first batch: instant 0 of the scenario

	home    map[cells.ID]string // cells' sites
	down    map[cells.ID]bool   // whose processes were killed
	links   map[string]cells.LinkSpec
	seen    map[string]bool // changes, by version
	entries []entry
	sc      scenarios.Scenario
}

// entry is a batch, or a command, at its time.
type entry struct {
	at      clock.Time
	version uint64
	step    scenarios.Step
}

// batchSpread is how far apart the parts of one batch may reach their sites, and
// for how long what only adds belongs to the beginning.
const batchSpread = time.Second

// scenarioFrom makes the scenario of a live run.
func scenarioFrom(m *playback.Merged, dir string) (*scenarios.Scenario, error) {
	i := &importer{
		m: m, home: map[cells.ID]string{}, down: map[cells.ID]bool{}, links: map[string]cells.LinkSpec{}, seen: map[string]bool{},
	}
	if err := i.ask(dir); err != nil {
		return nil, err
	}
	i.base = firstBatch(m)
	for k := range m.Acts {
		i.act(&m.Acts[k])
	}
	if len(i.entries) == 0 {
		return nil, fmt.Errorf("nothing was built: no journal has a batch that adds a cell")
	}
	i.begin()
	for k := range i.entries {
		i.line(k, &i.entries[k])
	}
	i.frame()
	return &i.sc, nil
}

// ask reads the scenario that was run, if the journals or a file beside them have
// it. Overrides that were given for the run show in what happened.
func (i *importer) ask(dir string) error {
	text, name := i.m.Info[journal.InfoScenario], i.m.Info[journal.InfoFile]
	if text == "" {
		name = filepath.Join(dir, recordedScenario)
		b, err := readScenario(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a datacenter was run, and no scenario
		} else if err != nil {
			return exit(exitEnvironment, err)
		}
		text = string(b)
	}
	if name == "" {
		name = "the recorded scenario"
	}
	src, err := scenarios.Parse(name, []byte(text))
	if err != nil {
		return err
	}
	i.asked, err = src.Build(scenarios.BuildOptions{Seed: i.m.Seed})
	return err
}

// firstBatch is when the first batch reached a site.
func firstBatch(m *playback.Merged) clock.Time {
	for k := range m.Acts {
		if a := &m.Acts[k]; a.Kind == playback.Given && len(a.Input.Batch) > 0 && !a.Error {
			return a.At
		}
	}
	return 0
}

func (i *importer) act(a *playback.Act) {
	at := max(a.At-i.base, 0)
	switch {
	case a.Error:
	case a.Kind == playback.Killed && i.wasKilled(a):
		for _, id := range i.cellsOf(a.Site) {
			i.down[id] = true
			i.step(at, 0, setRun(id, "crash"))
		}
	case a.Kind == playback.Given && a.Input.Cell != "":
		in := a.Input
		i.entries = append(i.entries, entry{at: at, step: scenarios.Step{Command: &scenarios.Command{Cell: in.Cell, Args: in.Args}}})
	case a.Kind == playback.Given:
		for k := range a.Input.Batch {
			i.change(at, a, &a.Input.Batch[k])
		}
	}
}

// wasKilled reports whether a life that has no end was cut short, and did not
// just outlive its recording: there is a later one, or others had an end.
func (i *importer) wasKilled(a *playback.Act) bool {
	for k := range i.m.Acts {
		if b := &i.m.Acts[k]; b.Kind == playback.Ended && b.Site != a.Site || b.Kind == playback.Began && b.Site == a.Site && b.Life > a.Life {
			return true
		}
	}
	return false
}

func (i *importer) cellsOf(site string) (list []cells.ID) {
	for id, s := range i.home {
		if s == site && !i.down[id] {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}

func setRun(id cells.ID, how string) cells.Change {
	return cells.Change{Op: cells.SetCell, Cell: cells.CellSpec{ID: id, Params: []cells.Param{{Name: cells.SetRun, Value: how}}}}
}

// change takes one change of a batch that reached one site. Of a link, both ends
// are told.
func (i *importer) change(at clock.Time, a *playback.Act, c *cells.Change) {
	id := c.Cell.ID
	switch c.Op {
	case cells.AddCell:
		if _, here := i.home[id]; here && i.down[id] {
			delete(i.down, id)
			i.step(at, 0, setRun(id, "restart"))
			return
		}
		i.home[id] = a.Site
	case cells.RemoveCell:
		delete(i.home, id)
	case cells.RemoveLink, cells.SetLink, cells.AddLink:
		key, _ := json.Marshal(c) // plain strings: cannot fail
		if told := fmt.Sprintf("%d %s", a.Input.Version, key); i.seen[told] {
			return
		} else if _, there := i.links[c.Link.Name]; c.Op == cells.AddLink && there {
			return // of a site that has come back, and gets it as it is by now
		} else {
			i.seen[told] = true
		}
		if c.Op == cells.AddLink {
			i.links[c.Link.Name] = c.Link
		} else if c.Op == cells.RemoveLink {
			defer delete(i.links, c.Link.Name)
		}
	}
	i.step(at, a.Input.Version, i.measured(*c))
}

// step puts a change into the batch it belongs to.
func (i *importer) step(at clock.Time, version uint64, c cells.Change) {
	for k := len(i.entries) - 1; k >= 0 && version != 0; k-- {
		if e := &i.entries[k]; e.version == version && at.Sub(e.at) < batchSpread {
			e.step.Changes = append(e.step.Changes, c)
			return
		}
	}
	i.entries = append(i.entries, entry{at: at, version: version, step: scenarios.Step{Changes: []cells.Change{c}}})
}

// begin takes what was built at the beginning as the first batch.
func (i *importer) begin() {
	n := 0
	for n < len(i.entries) && i.entries[n].step.Command == nil && i.entries[n].at < clock.Time(batchSpread) && adds(i.entries[n].step.Changes) {
		i.sc.Initial = append(i.sc.Initial, i.entries[n].step.Changes...)
		n++
	}
	i.entries = i.entries[n:]
	slices.SortStableFunc(i.sc.Initial, func(a, b cells.Change) int {
		if a.Op != b.Op {
			return int(a.Op) - int(b.Op)
		}
		if x, y := string(a.Cell.ID)+a.Link.Name, string(b.Cell.ID)+b.Link.Name; x < y {
			return -1
		}
		return 1
	})
}

func adds(list []cells.Change) bool {
	return !slices.ContainsFunc(list, func(c cells.Change) bool { return c.Op != cells.AddCell && c.Op != cells.AddLink })
}

// line is one entry of the timeline.
func (i *importer) line(n int, e *entry) {
	a := scenarios.Action{Path: fmt.Sprintf("timeline[%d]", n), Trigger: scenarios.Trigger{Kind: scenarios.At, From: e.at, Until: clock.Never}, Steps: []scenarios.Step{e.step}}
	s := &a.Steps[0]
	for k := range s.Changes {
		a.Fault = a.Fault || s.Changes[k].Op == cells.SetCell || s.Changes[k].Op == cells.SetLink
	}
	s.Ends = len(s.Changes) > 0 && !slices.ContainsFunc(s.Changes, func(c cells.Change) bool { return !ends(&c) })
	i.sc.Timeline = append(i.sc.Timeline, a)
}

// ends reports whether a change ends a fault.
func ends(c *cells.Change) bool {
	switch c.Op {
	case cells.SetCell:
		return len(c.Cell.Params) == 1 && slices.Contains([]string{"restart", "restart-kept", "resume"}, c.Cell.Params[0].Value)
	case cells.SetLink:
		all := slices.Concat(c.Link.Both, c.Link.AB, c.Link.BA)
		return len(all) == 1 && all[0] == cells.Param{Name: "cut", Value: "no"}
	}
	return false
}

// frame is all of the scenario but what happens in it.
func (i *importer) frame() {
	sc := &i.sc
	sc.Seed, sc.StopFault = i.m.Seed, clock.Never
	if i.asked == nil {
		sc.Name = "a live run"
		sc.Run = scenarios.RunSpec{Until: (i.m.End - i.base).Add(batchSpread) / 1_000_000 * 1_000_000, Reaction: time.Millisecond}
	} else {
		sc.Name, sc.Run = i.asked.Name+" (a live run)", i.asked.Run
		sc.Expect, sc.Fails, sc.Explore, sc.StopFault = i.asked.Expect, i.asked.Fails, i.asked.Explore, i.asked.StopFault
		sc.Run.Until = max(sc.Run.Until, i.m.End-i.base)
	}
	if sc.StopFault != clock.Never {
		sc.Timeline = append(sc.Timeline, scenarios.Action{
			Path: "stop", Trigger: scenarios.Trigger{Kind: scenarios.At, From: sc.StopFault, Until: clock.Never}, Steps: make([]scenarios.Step, 1), Fault: true, Stop: true,
		})
	}
}
