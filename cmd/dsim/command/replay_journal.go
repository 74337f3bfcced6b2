package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/playback"
	"example.com/dsim/scenarios"
)

// isJournals reports whether a path is a journal, or a directory of them.
func isJournals(path string) bool {
	if _, ok := journal.ParsePath(path); ok {
		return true
	}
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// journalsAt are the journals that a path means.
func journalsAt(path string) ([]journal.Path, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, exit(exitEnvironment, err)
	}
	if !st.IsDir() {
		p, _ := journal.ParsePath(path)
		return []journal.Path{p}, nil
	}
	list, err := journal.List(path)
	if err != nil {
		return nil, exit(exitEnvironment, err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: no journals here: want files such as alice.0%s", path, journal.Suffix)
	}
	return list, nil
}

// playedJournal is what replay says of one journal.
type playedJournal struct {
	playback.Report
	Agrees  bool   `json:"agrees"`
	Problem string `json:"problem,omitempty"` // why it could not be played
}

// replayJournals plays journals of live sites and says whether each site was
// reproduced.
func (a *app) replayJournals(path string, asJSON bool) error {
	list, err := journalsAt(path)
	if err != nil {
		return err
	}
	var out []playedJournal
	for _, p := range list {
		x, err := a.playJournal(p.Path)
		if err != nil {
			return err
		}
		out = append(out, x)
	}
	if asJSON {
		for i := range out {
			if err := json.NewEncoder(a.out).Encode(&out[i]); err != nil {
				return err
			}
		}
	} else {
		a.journalTable(out)
	}
	code := exitOK
	for i := range out {
		switch {
		case !out[i].Agrees && out[i].Problem == "":
			return exit(exitNondeterminism, nil)
		case out[i].Problem != "":
			code = exitInconclusive
		}
	}
	if code != exitOK {
		return exit(code, nil)
	}
	return nil
}

func (a *app) playJournal(path string) (playedJournal, error) {
	r, err := journal.Open(path)
	switch {
	case errors.Is(err, journal.ErrMore): // killed before it could say who it is
		return playedJournal{Report: playback.Report{Name: path}, Problem: "it is empty: the process was killed before it began"}, nil
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission):
		return playedJournal{}, exit(exitEnvironment, err)
	case err != nil:
		return playedJournal{}, err
	}
	defer func() { _ = r.Close() }() // it was only read
	report, err := playback.Play(r, playback.Options{Make: scenarios.MakeProtocol, Build: buildInfo().String()})
	x := playedJournal{Report: report}
	if errors.Is(err, playback.ErrDiagnostic) {
		x.Problem = playback.ErrDiagnostic.Error()
		return x, nil
	} else if err != nil {
		return x, err
	}
	x.Agrees = report.Same()
	return x, nil
}

func (a *app) journalTable(list []playedJournal) {
	rows := [][]string{{"site", "life", "inputs", "events", "sent", "emitted", "armed", "marks", "to", ""}}
	notes := map[string]bool{}
	for i := range list {
		x := &list[i]
		verdict := a.out.good("AGREES")
		switch {
		case x.Problem != "":
			verdict = a.out.warn("??")
		case !x.Agrees:
			verdict = a.out.bad("DIFFERS")
		}
		rows = append(rows, []string{
			x.Site, fmt.Sprint(x.Life), group(x.Inputs), group(x.Events), group(x.Frames), group(x.Emitted), group(x.Armed),
			fmt.Sprintf("%s of %s", group(x.Reproduced), group(x.Marks)), x.End.String(), verdict,
		})
		for _, n := range x.Notes {
			if !notes[n] {
				a.err.printf("dsim: %s %s\n", a.err.faint("note:"), n)
			}
			notes[n] = true
		}
	}
	a.out.table("", rows)
	for i := range list {
		if text := list[i].remarks(); text != "" {
			a.out.printf("%s: %s\n", list[i].Name, text)
		}
	}
}

// remarks is what the table has no room for.
func (x *playedJournal) remarks() string {
	var parts []string
	for _, s := range []string{x.Problem, x.Stop, x.Failed} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if x.Difference != nil {
		parts = append(parts, x.Difference.String())
	}
	return strings.Join(parts, "; ")
}
