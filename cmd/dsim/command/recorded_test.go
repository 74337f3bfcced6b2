package command

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"example.com/dsim/replay/journal"
	"example.com/dsim/replay/playback"
	"example.com/dsim/scenarios"
)

// harmed is a live run with everything that goes wrong: frames lost and damaged,
// cuts, a crash in the middle of it all, and another life.
const harmed = `version: 1
name: everything goes wrong
cells:
  alice: {protocol: abp, role: sender, messages: 2000, rto: 5ms}
  bob: {protocol: abp, role: receiver}
  carol: {protocol: abp, role: both, messages: 500, rto: 7ms}
  dave: {protocol: abp, role: both, messages: 500, rto: 7ms}
links:
  ab: {between: [alice:p0, bob:p0], loss: {uniform: [5%%, 20%%]}, ber: 1e-5, delay: 200us}
  cd: {between: [carol:p0, dave:p0], dup: 5%%, loss: 5%%, jitter: 'uniform(0us, 300us)'}
timeline:
  - {at: %dms, cut: ab, for: 80ms}
  - {at: %dms, crash: bob}
  - {at: %dms, restart: bob}
  - {at: %dms, crash: dave}
run: {until: 1100ms}
expect:
  - {sometimes: links.ab.lost > 0}
`

// TestRecordedRunsAreReproduced records live runs with faults and killed
// processes, and plays every journal: all marks are reproduced, and the simulator
// could have done it all.
func TestRecordedRunsAreReproduced(t *testing.T) {
	runs := 10
	if *long {
		runs = 100
	}
	for i := range runs {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file, rec := filepath.Join(dir, "harmed.yaml"), filepath.Join(dir, "rec")
			text := fmt.Sprintf(harmed, 200+17*i%300, 400+29*i%200, 650+13*i%100, 850+7*i%100)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			told := ask(t, "live", file, "--kill", "--record", rec, "--seed", fmt.Sprint(i+1), "--bound", "10s")
			if len(told.Broken) > 0 {
				t.Fatalf("not reproduced while it ran: %s", told.Broken)
			}
			list, err := journal.List(rec)
			if err != nil || len(list) < 5 { // four cells, and bob's second life
				t.Fatalf("the recording is %v, %v", list, err)
			}
			marks := uint64(0)
			for _, p := range list {
				r, err := journal.Open(p.Path)
				if err != nil {
					t.Fatal(err)
				}
				report, err := playback.Play(r, playback.Options{Make: scenarios.MakeProtocol})
				r.Close()
				if err != nil || !report.Same() || report.Marks != report.Reproduced {
					t.Errorf("%s: %v, %+v", p.Path, err, report)
				}
				marks += report.Marks
			}
			if out, err := exec.CommandContext(t.Context(), "dsim", "conform", rec).CombinedOutput(); err != nil {
				t.Errorf("the simulator could not have done it: %v\n%s", err, out)
			}
			if marks < 4 {
				t.Errorf("%d marks are few", marks)
			}
		})
	}
}
