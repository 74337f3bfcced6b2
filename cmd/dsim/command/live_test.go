package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/replay/journal"
	"example.com/dsim/scenarios"
)

// told is what dsim run and dsim live say alike.
type told struct {
	Verdict      string `json:"verdict"`
	AsMeant      bool   `json:"as_meant"`
	Expectations []struct {
		Text    string `json:"text"`
		Verdict string `json:"verdict"`
		Why     string `json:"why"`
	} `json:"expectations"`
	Failure *struct {
		Property string `json:"property"`
		Text     string `json:"text"`
	} `json:"failure"`
	Why    string            `json:"why"`
	Broken []json.RawMessage `json:"broken"`
	Marks  int               `json:"marks"`
	Replay string            `json:"replay"`
}

// String is how it came out, without why.
func (x *told) String() string {
	var b strings.Builder
	b.WriteString(x.Verdict)
	if x.Failure != nil {
		b.WriteString(" " + x.Failure.Property)
	}
	for _, e := range x.Expectations {
		fmt.Fprintf(&b, "\n  %s %s", e.Verdict, e.Text)
	}
	return b.String()
}

// ask runs dsim with --json.
func ask(t *testing.T, words ...string) *told {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "dsim", append(words, "--json")...).Output()
	x := new(told)
	if e := (*exec.ExitError)(nil); errors.As(err, &e) && e.ExitCode() > exitNondeterminism || json.Unmarshal(out, x) != nil {
		t.Fatalf("dsim %s: %v\n%s", strings.Join(words, " "), err, e.Stderr)
	}
	return x
}

// sameLive runs a scenario in virtual time and live.
func sameLive(t *testing.T, file string, flags ...string) {
	t.Helper()
	want := ask(t, "run", file)
	got := ask(t, append([]string{"live", file, "--bound", "1s", "--record", filepath.Join(t.TempDir(), "rec")}, flags...)...)
	if len(got.Broken) > 0 || got.Marks < 2 {
		t.Errorf("%d marks, not reproduced: %s", got.Marks, got.Broken)
	}
	if got.Verdict == "inconclusive" && got.Why != "" {
		t.Skipf("the machine is too slow: %s", got.Why)
	}
	if got.String() != want.String() {
		t.Errorf("virtual: %s\nlive: %s", want, got)
		if got.Failure != nil {
			t.Errorf("%s", got.Failure.Text)
		}
	}
}

func TestLiveComesOutAsRun(t *testing.T) {
	for _, c := range [][]string{
		{"live/abp.yaml"},
		{"live/tree.yaml"},
		{"live/tree.yaml", "--kill"},
		{"live/echo.yaml"},
		{"live/register.yaml"},
		{"canaries/abp-no-checksum.yaml"},
		{"canaries/command.yaml"},
		{"abp/small.yaml"},
	} {
		t.Run(strings.Join(c, ""), func(t *testing.T) {
			t.Parallel()
			sameLive(t, "../../../scenarios/"+c[0], c[1:]...)
		})
	}
}

// otherwise are scenarios that come out differently on real processes, because
// of what they are about, or that are too long or too large for the wall.
var otherwise = map[string]string{
	"abp/topology.yaml":        "a frame has to be on the way at the one instant at which a link is removed",
	"abp64/counter.yaml":       "its time is that of hardware: microseconds",
	"abp64/too-slow.yaml":      "its time is that of hardware: microseconds",
	"abp/clock-drift.yaml":     "a time-out is shorter than twice the delay and what a socket takes",
	"abp/crash-lost.yaml":      "bob crashes while he is in a state that lasts shorter than the hold-back",
	"canaries/zero-delay.yaml": "a socket takes time",
}

// untilMost is how long a scenario may be for the wall's clock.
const untilMost = 45e9

func TestShippedScenariosComeOutLiveAsInVirtualTime(t *testing.T) {
	if !*long {
		t.Skip("takes minutes: -long")
	}
	files, err := filepath.Glob("../../../scenarios/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	turns := make(chan struct{}, 8)
	for _, file := range files {
		name := strings.TrimPrefix(filepath.ToSlash(file), "../../../scenarios/")
		if strings.HasPrefix(name, "studies/") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, err := scenarios.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			sc, err := src.Build(scenarios.BuildOptions{Seed: des.SeedOf(1)})
			if err != nil {
				t.Fatal(err)
			}
			if why := otherwise[name]; why != "" {
				t.Skip(why)
			}
			if sc.Run.Until > untilMost || cellCount(sc) > 100 {
				t.Skipf("%d cells, %s", cellCount(sc), sc.Run.Until)
			}
			turns <- struct{}{}
			defer func() { <-turns }()
			sameLive(t, file)
		})
	}
}

// Ten thousand messages over a link that loses one frame in ten and flips bits
// arrive once and in order.
func TestTenThousandMessagesArriveOverRealSockets(t *testing.T) {
	if !*long {
		t.Skip("takes half a minute: -long")
	}
	const file = "../../../scenarios/live/testdata/ten-thousand.yaml"
	for _, seed := range []string{"1", "2", "3"} {
		if x := ask(t, "live", file, "--seed", seed, "--bound", "1s"); x.Verdict != "pass" || len(x.Broken) > 0 {
			t.Errorf("seed %s: %s: %s", seed, x, x.Why)
		}
	}
}

// Ctrl-C ends all processes: their journals have an end, and neither sockets nor
// a recording that nobody asked for stay behind.
func TestAnInterruptedLiveRunLeavesNothingBehind(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no interrupts")
	}
	tmp, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	rec := filepath.Join(t.TempDir(), "rec")
	for _, flags := range [][]string{{"--record", rec}, nil} {
		c := exec.Command("dsim", append([]string{"live", "../../../scenarios/live/testdata/ten-thousand.yaml"}, flags...)...)
		c.Env = append(os.Environ(), "TMPDIR="+tmp, "XDG_RUNTIME_DIR=")
		var said strings.Builder
		c.Stderr = &said
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		began := func() bool {
			list, _ := filepath.Glob(filepath.Join(tmp, "*", "*", "l1.c")) // the sockets of the link are there
			return len(list) > 0
		}
		for deadline := clock.Wall().Add(20 * time.Second); !began(); time.Sleep(10 * time.Millisecond) {
			if clock.Wall().After(deadline) {
				_ = c.Process.Kill()
				t.Fatal("the run does not begin")
			}
		}
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait() // how it exited is in its state
		if c.ProcessState.ExitCode() != exitInterrupted || !strings.HasPrefix(said.String(), "dsim: interrupted") {
			t.Errorf("exit code %d, %q", c.ProcessState.ExitCode(), said.String())
		}
		if left, _ := os.ReadDir(tmp); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	for _, name := range []string{"alice", "bob"} {
		r, err := journal.Open(filepath.Join(rec, journal.FileName(name, 0)))
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range r.Entries() {
			if err != nil {
				t.Error(err)
			}
		}
		if !r.Ended() {
			t.Errorf("%s: the journal has no end", name)
		}
		_ = r.Close()
	}
}
