package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/dsim/clock"
	"example.com/dsim/replay"
)

// A trace that another build has made is replayed, with a note that names both.
func TestReplayOfAnotherBuild(t *testing.T) {
	dir := t.TempDir()
	mine, other := filepath.Join(dir, "mine.trace"), filepath.Join(dir, "other.trace")
	var out, errs bytes.Buffer
	if code := Run([]string{"run", "../../../scenarios/abp/hold.yaml", "--seed", "1", "--trace", mine}, &out, &errs); code != exitOK {
		t.Fatal(code, errs.String())
	}
	for path, note := range map[string]bool{mine: false, other: true} {
		if note {
			rebuilt(t, mine, other, "v9.9.9 go1.99 plan9/arm")
		}
		out.Reset()
		errs.Reset()
		if code := Run([]string{"replay", path}, &out, &errs); code != exitOK || !strings.Contains(out.String(), "AGREES") {
			t.Errorf("exit code %d: %s%s", code, &out, &errs)
		}
		if got := strings.Contains(errs.String(), "made by another build: v9.9.9 go1.99 plan9/arm; this is "+buildInfo().String()); got != note {
			t.Errorf("%s: a note is %v, want %v: %s", path, got, note, &errs)
		}
	}
}

// rebuilt copies a trace, with another build in its header.
func rebuilt(t *testing.T, from, to, build string) {
	t.Helper()
	a, err := replay.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	h := a.Header()
	h.Build = build
	w, err := replay.Create(to, h)
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range a.Entries(0, clock.Never) {
		switch {
		case err != nil:
			t.Fatal(err)
		case e.Record != nil:
			w.Record(e.Record)
		default:
			w.Choose(e.Choice)
		}
	}
	s, _ := a.Summary()
	if err := w.Close(s); err != nil {
		t.Fatal(err)
	}
}

// Where there are no scenarios the list says so, and where it looked.
func TestListWithoutScenarios(t *testing.T) {
	t.Chdir(t.TempDir())
	var out, errs bytes.Buffer
	if code := Run([]string{"list", "scenarios"}, &out, &errs); code != exitOK || !strings.Contains(out.String(), "none: there is no scenarios/*/*.yaml") {
		t.Errorf("exit code %d: %s%s", code, &out, &errs)
	}
	out.Reset()
	if Run([]string{"list", "scenarios", "--json"}, &out, &errs); strings.TrimSpace(out.String()) != `{"scenarios":[]}` {
		t.Errorf("%s", &out)
	}
	if err := os.MkdirAll("scenarios/mine", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("scenarios/mine/a.yaml", []byte("version: 1\nname: mine\ncells: {}\nrun: {until: 1s}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if Run([]string{"list", "scenarios"}, &out, &errs); strings.Contains(out.String(), "none:") || !strings.Contains(out.String(), "scenarios/mine/a.yaml") {
		t.Errorf("%s", &out)
	}
}
