package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const studied = "../../../scenarios/studies/abp-rto.yaml"

// studyOutput runs the command, and gives what it says.
func studyOutput(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := Run(append([]string{"study"}, args...), &out, &errs); got != code {
		t.Fatalf("dsim study %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &out, &errs)
	}
	return out.String(), errs.String()
}

func TestStudyWritesOneTable(t *testing.T) {
	dir := t.TempDir()
	few := []string{
		studied, "--matrix", "links.ab.loss=0%,20%", "--matrix", "cells.alice.rto=25ms..100ms/75ms", "--repeat", "3", "--until", "2s",
		"--measure", "bob.delivered, max(alice.retransmitted, 1)", "--set", "expect=[]",
	}
	csv, state := filepath.Join(dir, "table.csv"), filepath.Join(dir, "state")
	out, _ := studyOutput(t, exitOK, append(few, "--out", csv, "--state", state)...)
	if !strings.HasSuffix(out, "table.csv: 8 rows of 12 runs\n") {
		t.Errorf("said %q", out)
	}
	text, err := os.ReadFile(csv)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	if lines[0] != "links.ab.loss,cells.alice.rto,measure,n,mean,ci95,sd,min,max,failed" || len(lines) != 10 ||
		!strings.HasPrefix(lines[2], `0%,25ms,"max(alice.retransmitted, 1)",3,1,0,0,1,1,0`) {
		t.Errorf("table:\n%s", text)
	}
	again, _ := studyOutput(t, exitOK, append(few, "--format", "csv", "--state", state, "--jobs", "2")...)
	if again != string(text) {
		t.Errorf("from its state:\n%s", again)
	}
	if json, _ := studyOutput(t, exitOK, append(few, "--format", "json")...); !strings.Contains(json, `"runs": 12,`) {
		t.Errorf("json:\n%s", json)
	}
	_, said := studyOutput(t, exitUsage, append(few, "--state", state, "--set", "links.ab.delay=1ms")...)
	if !strings.Contains(said, "the state is of another study") || !strings.Contains(said, "give another folder") {
		t.Errorf("said %q", said)
	}
}

func TestStudySaysHowRunsCameOut(t *testing.T) {
	_, said := studyOutput(t, exitFailed, studied, "--repeat", "2", "--set", "expect=[{never: bob.delivered > 3}]", "--matrix", "cells.alice.rto=50ms", "--matrix", "links.ab.loss=1%")
	if !strings.Contains(said, "2 of 2 runs failed") {
		t.Errorf("said %q", said)
	}
	for want, args := range map[string][]string{
		"--matrix \"links.ab.loss\": want path=value":     {"--matrix", "links.ab.loss"},
		"--matrix a: range \"1..5\": wants a step":        {"--matrix", "a=1..5"},
		"--format \"xml\": must be text, csv or json":     {"--format", "xml"},
		"--repeat -1: must lie between":                   {"--repeat", "-1"},
		"--jobs 0: must lie between":                      {"--jobs", "0"},
		"--seed 0: must lie between":                      {"--seed", "0"},
		"--until \"soon\": want a time":                   {"--until", "soon"},
		"does not show \"x\"":                             {"--measure", "bob.x"},
		"point links.ab.loss=0% cells.alice.rto=fast: ":   {"--matrix", "cells.alice.rto=fast"},
		"links.ab.loss=2% cells.alice.rto=15ms links.x=1": {"--matrix", "links.ab.loss=2%", "--matrix", "links.x=1"},
	} {
		if _, said := studyOutput(t, exitUsage, append([]string{studied}, args...)...); !strings.Contains(said, want) {
			t.Errorf("%v said %q, want %q in it", args, said, want)
		}
	}
}
