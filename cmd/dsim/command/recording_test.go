package command

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay"
	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/playback/staged"
	"example.com/dsim/scenarios"
	"github.com/rogpeppe/go-internal/testscript"
)

// stage FILE DIR LUCK [WORDS] leaves in DIR the journals of a live run of a
// scenario, as long as the file says, on a wall clock that is drawn by LUCK.
// "kill=CELL" kills the cell's process after a third of the time and starts
// another after half of it.
func stage(s *testscript.TestScript, args []string) error {
	src, err := scenarios.Load(s.MkAbs(args[0]))
	s.Check(err)
	seed, ok := src.Seed()
	if !ok {
		seed = des.SeedOf(1)
	}
	sc, err := src.Build(scenarios.BuildOptions{Seed: seed})
	s.Check(err)
	luck, err := strconv.ParseUint(args[2], 10, 64)
	s.Check(err)
	dir := s.MkAbs(args[1])
	s.Check(os.MkdirAll(dir, 0o755))
	p := staged.Play{
		Dir: dir, Seed: seed, Luck: luck, Make: scenarios.MakeProtocol, Until: min(sc.Run.Until, clock.Time(3*time.Second)), Ended: true, Loss: 0.02,
		Info: map[string]string{journal.InfoScenario: string(sc.Text), journal.InfoFile: sc.File},
		Acts: []staged.Act{{Batch: sc.Initial}},
	}
	for _, a := range sc.Timeline {
		if a.Trigger.Kind != scenarios.At {
			s.Fatalf("stage: %s is not due at a time", a.Path)
		}
		for _, st := range a.Steps {
			x := staged.Act{At: a.Trigger.From.Add(st.After), Batch: st.Changes}
			if st.Command != nil {
				x = staged.Act{At: x.At, Cell: st.Command.Cell, Args: st.Command.Args}
			}
			p.Acts = append(p.Acts, x)
		}
	}
	for _, w := range args[3:] {
		var who string
		if _, err := fmt.Sscanf(w, "kill=%s", &who); err != nil {
			s.Fatalf("stage: %s: want kill=CELL", w)
		}
		p.Acts = append(p.Acts, staged.Act{At: p.Until / 3, Cell: cells.ID(who), Kill: true}, staged.Act{At: p.Until / 2, Cell: cells.ID(who), Revive: true})
	}
	return p.Run()
}

// forge writes a trace again, with one emission changed.
func forge(s *testscript.TestScript, args []string) error {
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	t, err := replay.Open(s.MkAbs(args[0]))
	if err != nil {
		return err
	}
	defer t.Close()
	w, err := replay.Create(s.MkAbs(args[1]), t.Header())
	if err != nil {
		return err
	}
	done := false
	for e, err := range t.Entries(0, clock.Never) {
		if err != nil {
			return err
		}
		if e.Choice != nil {
			w.Choose(e.Choice)
			continue
		}
		r := replay.Clone(e.Record)
		if !done && e.Number > uint64(n) && r.Op == des.OpEmit {
			r.B++
			done = true
		}
		w.Record(&r)
	}
	sum, _ := t.Summary()
	return w.Close(sum)
}
