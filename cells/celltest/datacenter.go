package celltest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/cells"
)

// TestDatacenter holds a datacenter to what all of them must do; make gives an
// empty one each time.
func TestDatacenter(t *testing.T, make func(t testing.TB) Site) {
	for _, c := range []struct {
		name string
		test func(*site)
	}{
		{"VersionsOnlyGrow", versionsOnlyGrow},
		{"TheSameBatchAgainIsNoError", sameBatchAgain},
		{"AllOrNothing", allOrNothing},
		{"ErrorsNameTheirSubject", errorsNameTheirSubject},
		{"OrderInsideABatch", orderInsideABatch},
		{"WhatABatchLeadsToCounts", whatABatchLeadsTo},
		{"RemovedLinkIsDownAtBothEnds", removedLink},
		{"RemovedCellTakesItsLinks", removedCell},
		{"ANameComesBackAsAnotherLife", nameComesBack},
		{"SetLinkShows", setLinkShows},
		{"CrashAndRestart", crashAndRestart},
		{"PauseAndResume", pauseAndResume},
		{"Commands", commands},
		{"SnapshotIsInOrderOfNames", snapshotInOrder},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(&site{Site: make(t), t: t}) })
	}
}

func versionsOnlyGrow(s *site) {
	apply := func(v uint64, b ...cells.Change) error { return s.Datacenter.Apply(v, b) }
	if err := apply(3, cell("alice")); err != nil {
		s.t.Fatal(err)
	}
	for _, v := range []uint64{0, 1, 2, 3} {
		if err := apply(v, cell("bob")); !errors.Is(err, cells.ErrStale) {
			s.t.Errorf("version %d after 3: error %v, want ErrStale", v, err)
		}
	}
	if err := apply(10, cell("bob")); err != nil {
		s.t.Errorf("versions may leave numbers out: %v", err)
	}
	if v := s.Datacenter.Snapshot().Version; v != 10 {
		s.t.Errorf("the snapshot is of version %d, want 10", v)
	}
}

func sameBatchAgain(s *site) {
	batch := []cells.Change{cell("alice"), cell("bob"), link("ab", "alice", "bob", cells.Param{Name: "delay", Value: "1ms"})}
	for range 3 {
		if err := s.Datacenter.Apply(1, batch); err != nil {
			s.t.Fatal(err)
		}
	}
	s.wantLog("a retry does nothing", "alice", "start", "up 0 to bob:p0")
	other := slices.Clone(batch)
	other[2] = link("ab", "alice", "bob", cells.Param{Name: "delay", Value: "2ms"})
	if err := s.Datacenter.Apply(1, other); !errors.Is(err, cells.ErrStale) {
		s.t.Errorf("another batch of the same version: error %v, want ErrStale", err)
	}
	s.version = 1
	s.apply(removeLink("ab"))
	if err := s.Datacenter.Apply(1, batch); !errors.Is(err, cells.ErrStale) {
		s.t.Errorf("a batch before the last: error %v, want ErrStale", err)
	}
}

func allOrNothing(s *site) {
	s.apply(cell("alice"))
	batch := []cells.Change{
		setCell("alice", cells.SetRun, "crash"), cell("bob"), link("ab", "alice", "bob"), link("ac", "alice:p1", "carol"),
	}
	s.refuse("the last change is wrong", batch, "ac", "carol")
	s.rest()
	if s.version++; s.Datacenter.Apply(s.version, batch[:3]) != nil {
		s.t.Error("a refused batch has used its version up")
	}
}

func errorsNameTheirSubject(s *site) {
	s.apply(cell("alice"), cell("bob"), cell("dave"), link("ab", "alice", "bob"))
	bad := cell("carol")
	bad.Cell.Protocol = "no-such-protocol"
	twice := cell("carol")
	twice.Cell.Ports = []string{"p0", "p0"}
	for _, c := range []struct {
		why    string
		change cells.Change
		words  []string
	}{
		{"a cell that is there", cell("alice"), []string{`cell "alice"`, "exists"}},
		{"a cell without a name", cell(""), []string{"name"}},
		{"an unknown protocol", bad, []string{`cell "carol"`, "no-such-protocol"}},
		{"a port twice", twice, []string{`cell "carol"`, `"p0"`, "twice"}},
		{"a link that is there", link("ab", "alice:p1", "bob:p1"), []string{`link "ab"`, "exists"}},
		{"a link without a name", link("", "alice:p1", "bob:p1"), []string{"name"}},
		{"a link to nobody", link("x", "alice:p1", "carol"), []string{`link "x"`, `"carol"`}},
		{"a link at a port that has one", link("x", "alice:p0", "bob:p1"), []string{`link "x"`, "alice:p0"}},
		{"a link from a port to itself", link("x", "alice:p1", "alice:p1"), []string{`link "x"`, "alice:p1"}},
		{"a link without a port", link("x", "alice:", "bob:p1"), []string{`link "x"`, "alice", "port"}},
		{"an unknown parameter", link("x", "alice:p1", "bob:p1", cells.Param{Name: "dealy", Value: "1ms"}), []string{`link "x"`, `"dealy"`}},
		{"a parameter's value", link("x", "alice:p1", "bob:p1", cells.Param{Name: "loss", Value: "2"}), []string{`link "x"`, "loss", "2"}},
		{"a parameter of streams", setLink("ab", cells.Param{Name: "refuse", Value: "10%"}), []string{`link "ab"`, "refuse"}},
		{"setting a link that is not there", setLink("x", cells.Param{Name: "delay", Value: "1ms"}), []string{`link "x"`}},
		{"removing a link that is not there", removeLink("x"), []string{`link "x"`}},
		{"removing a cell that is not there", removeCell("carol"), []string{`cell "carol"`}},
		{"setting a cell that is not there", setCell("carol", cells.SetRun, "crash"), []string{`cell "carol"`}},
		{"an unknown setting", setCell("alice", "mood", "good"), []string{`cell "alice"`, `"mood"`}},
		{"an unknown state", setCell("alice", cells.SetRun, "stop"), []string{`cell "alice"`, `"stop"`}},
		{"resuming what runs", setCell("alice", cells.SetRun, "resume"), []string{`cell "alice"`, "resume", "running"}},
		{"restarting what runs", setCell("alice", cells.SetRun, "restart"), []string{`cell "alice"`, "restart", "running"}},
		{"too great a drift", setCell("alice", cells.SetDrift, "10000000ppm"), []string{`cell "alice"`, "drift"}},
		{"no change at all", cells.Change{}, []string{"change"}},
	} {
		s.refuse(c.why, []cells.Change{c.change}, c.words...)
	}
}

func orderInsideABatch(s *site) {
	s.apply(link("ab", "alice", "bob"), link("more", "alice:p1", "bob:p1"), cell("bob"), cell("alice"))
	s.until("links come after cells", func() bool { return s.saw("bob", "up 0 to alice:p0") })
	// In the order of the batch, most of it could not be done.
	s.apply(setCell("bob", cells.SetRun, "pause"), link("ac", "alice", "carol"), cell("carol"),
		setLink("more", cells.Param{Name: "delay", Value: "1ms"}), removeLink("ab"))
	s.until("the port goes over", func() bool { return s.saw("alice", "up 0 to carol:p0") })
	want := []string{
		"version 2", "cell alice running #0", "cell bob paused #0", "cell carol running #0",
		"link ac alice:p0 carol:p0", "link more alice:p1 bob:p1 delay=1ms delay=1ms",
	}
	if got := s.topology(); !slices.Equal(got, want) {
		s.t.Errorf("the topology is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func whatABatchLeadsTo(s *site) {
	s.apply(cell("alice"), cell("bob"), cell("carol"), link("ab", "alice", "bob"))
	s.apply(link("ac", "alice", "carol"), removeLink("ab")) // on the port that comes free
	s.until("the port goes over", func() bool { return s.saw("alice", "up 0 to carol:p0") })
	s.apply(cell("alice"), removeCell("alice"), link("ab", "alice", "bob")) // and the name
	s.wantLog("another alice", "alice", "start", "up 0 to bob:p0")
	s.apply(setCell("bob", cells.SetRun, "crash"), setCell("bob", cells.SetRun, "restart"))
	s.until("crashed and restarted at once", func() bool { return s.saw("bob", "start") && s.saw("bob", "up 0 to alice:p0") })
	delay, loss := cells.Param{Name: "delay", Value: "7ms"}, cells.Param{Name: "loss", Value: "10%"}
	s.apply(setLink("ab", delay), setLink("ab", loss))
	if got := s.topology(); !slices.Contains(got, "link ab alice:p0 bob:p0 delay=7ms loss=10% delay=7ms loss=10%") {
		s.t.Errorf("both changes of a link hold, not\n%s", strings.Join(got, "\n"))
	}
	s.refuse("a link the batch removes", []cells.Change{setLink("ab", delay), removeLink("ab")}, `link "ab"`)
	s.refuse("a cell the batch removes", []cells.Change{link("x", "alice:p1", "bob:p1"), removeCell("bob")}, `link "x"`, `"bob"`)
}

func removedLink(s *site) {
	s.apply(cell("alice"), cell("bob"), link("ab", "alice", "bob", cells.Param{Name: "delay", Value: "1ms"}))
	s.until("up", func() bool { return s.saw("alice", "up 0 to bob:p0") && s.saw("bob", "up 0 to alice:p0") })
	s.command("alice", "send", "0", "one")
	s.until("arrived", func() bool { return s.saw("bob", "recv 0 one") })
	s.apply(removeLink("ab"))
	s.wantLog("down once", "alice", "start", "up 0 to bob:p0", "sent 0 one", "down 0 link removed")
	s.wantLog("down once", "bob", "start", "up 0 to alice:p0", "recv 0 one", "down 0 link removed")
	s.command("alice", "send", "0", "two")
	s.rest()
	if s.saw("bob", "recv 0 two") {
		s.t.Error("a frame came over a link that was gone")
	}
}

func removedCell(s *site) {
	s.apply(cell("alice"), cell("bob"), cell("carol"), link("ab", "alice", "bob"), link("bc", "bob:p1", "carol"))
	s.until("up", func() bool { return s.saw("alice", "up 0 to bob:p0") && s.saw("carol", "up 0 to bob:p1") })
	s.apply(removeCell("bob"))
	s.wantLog("its link goes", "alice", "start", "up 0 to bob:p0", "down 0 link removed")
	s.wantLog("its link goes", "carol", "start", "up 0 to bob:p1", "down 0 link removed")
	want := []string{"version 2", "cell alice running #0", "cell carol running #0"}
	if got := s.topology(); !slices.Equal(got, want) {
		s.t.Errorf("what is left is\n%s", strings.Join(got, "\n"))
	}
	if _, err := s.Datacenter.Command("bob", []string{"log"}); err == nil || !strings.Contains(err.Error(), `"bob"`) {
		s.t.Errorf("a command to a cell that is gone: error %v", err)
	}
}

func nameComesBack(s *site) {
	s.apply(cell("alice"))
	for life := range 3 {
		s.until("it starts", func() bool { return s.saw("alice", "start") })
		if got := s.Datacenter.Snapshot().Cells[0].Incarnation; int(got) != life {
			s.t.Errorf("life %d has incarnation %d", life, got)
		}
		s.apply(removeCell("alice"))
		s.apply(cell("alice"))
	}
}

func setLinkShows(s *site) {
	s.apply(cell("alice"), cell("bob"), link("ab", "alice", "bob"))
	change := cells.Change{Op: cells.SetLink, Link: cells.LinkSpec{
		Name: "ab", Both: []cells.Param{{Name: "delay", Value: "10ms"}}, BA: []cells.Param{{Name: "loss", Value: "1%"}},
	}}
	s.apply(change)
	l := s.Datacenter.Snapshot().Links[0]
	delay, loss := cells.Param{Name: "delay", Value: "10ms"}, cells.Param{Name: "loss", Value: "1%"}
	if !slices.Equal(l.AB, []cells.Param{delay}) || !slices.Equal(l.BA, []cells.Param{delay, loss}) {
		s.t.Errorf("the snapshot shows %v and %v", l.AB, l.BA)
	}
	s.apply(setLink("ab", cells.Param{Name: "delay", Value: "0s"}, cells.Param{Name: "loss", Value: "0"}))
	if l := s.Datacenter.Snapshot().Links[0]; len(l.AB)+len(l.BA) != 0 {
		s.t.Errorf("what is at its default is shown: %v and %v", l.AB, l.BA)
	}
}

func crashAndRestart(s *site) {
	s.apply(cell("alice"), cell("bob"), link("ab", "alice", "bob"))
	s.until("up", func() bool { return s.saw("alice", "up 0 to bob:p0") })
	s.command("alice", "keep", "me")
	s.apply(setCell("alice", cells.SetRun, "crash"))
	if got := s.Datacenter.Snapshot().Cells[0].Run; got != cells.Crashed {
		s.t.Errorf("after a crash it is %s", got)
	}
	if _, err := s.Datacenter.Command("alice", []string{"log"}); err == nil || !strings.Contains(err.Error(), "alice") {
		s.t.Errorf("a command to a crashed cell: error %v", err)
	}
	s.apply(setCell("alice", cells.SetRun, "restart-kept"))
	s.wantLog("start, then ports", "alice", "start", "up 0 to bob:p0")
	if got := s.command("alice", "kept"); got != "me" {
		s.t.Errorf("restarted with kept state it has %q", got)
	}
	s.apply(setCell("alice", cells.SetRun, "crash"))
	s.apply(setCell("alice", cells.SetRun, "restart"))
	s.wantLog("start, then ports", "alice", "start", "up 0 to bob:p0")
	if got := s.command("alice", "kept"); got != "" {
		s.t.Errorf("restarted afresh it has %q", got)
	}
	if got := s.Datacenter.Snapshot().Cells[0].Incarnation; got != 2 {
		s.t.Errorf("after two restarts the incarnation is %d", got)
	}
}

func pauseAndResume(s *site) {
	s.apply(cell("alice"), cell("bob"), link("ab", "alice", "bob"))
	s.until("up", func() bool { return s.saw("alice", "up 0 to bob:p0") && s.saw("bob", "up 0 to alice:p0") })
	s.apply(setCell("bob", cells.SetRun, "pause"))
	for _, text := range []string{"one", "two", "three"} {
		s.command("alice", "send", "0", text)
	}
	s.rest()
	for _, c := range s.Datacenter.Snapshot().Cells {
		if c.ID == "bob" && (c.Run != cells.Paused || c.State[1] != cells.IntAttr("received", 0)) {
			s.t.Errorf("bob is %s, and shows %v", c.Run, c.State)
		}
	}
	s.apply(setCell("bob", cells.SetRun, "resume"))
	s.wantLog("in order", "bob", "start", "up 0 to alice:p0", "recv 0 one", "recv 0 two", "recv 0 three")
}

func commands(s *site) {
	s.apply(cell("alice"))
	if got := s.command("alice", "keep", "words with  blanks"); got != "ok" {
		s.t.Errorf("the answer is %q", got)
	}
	if got := s.command("alice", "kept"); got != "words with  blanks" {
		s.t.Errorf("words do not come as they were written: %q", got)
	}
	if _, err := s.Datacenter.Command("alice", []string{"refuse"}); err == nil || !strings.Contains(err.Error(), `no command "refuse"`) {
		s.t.Errorf("what the protocol answers as an error is %v", err)
	}
	if _, err := s.Datacenter.Command("bob", nil); err == nil || !strings.Contains(err.Error(), `"bob"`) {
		s.t.Errorf("a command to nobody: error %v", err)
	}
}

func snapshotInOrder(s *site) {
	s.apply(cell("dave"), cell("alice"), cell("carol"), cell("bob"), link("z", "alice", "bob"), link("y", "carol", "dave"),
		link("a", "alice:p1", "dave:p1"))
	s.rest()
	want := []string{
		"version 1", "cell alice running #0", "cell bob running #0", "cell carol running #0", "cell dave running #0",
		"link a alice:p1 dave:p1", "link y carol:p0 dave:p0", "link z alice:p0 bob:p0",
	}
	if got := s.topology(); !slices.Equal(got, want) {
		s.t.Errorf("the snapshot is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, c := range s.Datacenter.Snapshot().Cells {
		for i, p := range c.Ports {
			if int(p.Port) != i || p.Info.Name != []string{"p0", "p1"}[i] {
				s.t.Errorf("port %d of %s is %d %q", i, c.ID, p.Port, p.Info.Name)
			}
		}
		if c.Protocol != ProbeName || len(c.State) != 4 {
			s.t.Errorf("%s is of protocol %q and shows %v", c.ID, c.Protocol, c.State)
		}
	}
}
