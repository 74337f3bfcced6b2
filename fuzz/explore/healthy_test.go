package explore_test

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/dsim/fuzz/explore"
	"example.com/dsim/scenarios"
)

// healthy is a scenario, and its share of the worlds of a family of protocols.
type healthy struct {
	family, file string // the file below the module's folder
	share        uint64 // of a hundred
	set          []string
}

// healthyScenarios are calm scenarios of sound protocols. What each survives its
// ranges say. A checksum of 32 bits is fooled by one damaged frame in four
// billion, but by none with fewer than four flipped bits: bit errors are capped
// where frames of 500 bytes rarely have as many.
var healthyScenarios = []healthy{
	{"tree", "fuzz/power/corpus/calm/tree.yaml", 50, nil},
	{"tree", "fuzz/power/corpus/calm/plain.yaml", 50, nil},
	{"abp", "fuzz/power/corpus/calm/abp.yaml", 30, []string{"explore.faults.ber=[1e-6, 1e-4]"}},
	{"abp", "scenarios/abp/explored.yaml", 30, []string{"explore.faults.ber=[1e-6, 1e-4]"}},
	{"abp", "fuzz/power/corpus/calm/abp5.yaml", 20, nil},
	{"abp", "fuzz/power/corpus/calm/abp64.yaml", 20, nil},
	{"switchyard", "fuzz/power/corpus/calm/switchyard.yaml", 30, nil},
	{"switchyard", "fuzz/power/corpus/calm/switchyard-bridge.yaml", 20, nil},
	{"switchyard", "fuzz/power/corpus/calm/switchyard-rules.yaml", 15, nil},
	{"switchyard", "fuzz/power/corpus/calm/switchyard-names.yaml", 15, nil},
	{"switchyard", "fuzz/power/corpus/calm/switchyard-dhcp.yaml", 10, nil},
	{"switchyard", "fuzz/power/corpus/calm/switchyard-lease.yaml", 10, nil},
}

// healthyShort is how many worlds of each family the short form explores.
const healthyShort = 100

var healthyLong = flag.Uint64("worlds", 50_000, "how many worlds of each family the long form of TestHealthyWorldsHold explores")

// timeLeft says when a search must end for the test to tell what it came to
// before its own time is up.
func timeLeft(t *testing.T) (over func() bool) {
	t.Helper()
	deadline, ok := t.Deadline()
	if !ok {
		return nil
	}
	return func() bool { return time.Until(deadline) < 15*time.Second }
}

// TestHealthyWorldsHold explores many worlds of protocols without mistakes. None
// may fail, none may remain open, and no two runs of one may differ. The long
// form takes minutes: go test -timeout 1h ./fuzz/explore -run HealthyWorlds -long -v
func TestHealthyWorldsHold(t *testing.T) {
	worlds := uint64(healthyShort)
	if *long {
		worlds = *healthyLong
	}
	for _, h := range healthyScenarios {
		t.Run(h.family+"/"+strings.TrimSuffix(filepath.Base(h.file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			src, err := scenarios.Load(filepath.Join("../..", filepath.FromSlash(h.file)))
			if err != nil {
				t.Fatal(err)
			}
			r := search(t, explore.Options{Source: src, Set: h.set, Last: worlds * h.share / 100, Over: timeLeft(t)})
			for _, f := range r.Found {
				t.Errorf("%d of %d: %s\nworld %d: %s\n%s", f.Count, r.Worlds, f.Signature, f.World, f.Failure, f.Plan)
			}
			if r.Inconclusive > 0 || r.Unfit > 0 {
				t.Errorf("%d worlds: %d inconclusive, %d unfit: %s", r.Worlds, r.Inconclusive, r.Unfit, r.Why)
			}
			if r.Worlds != r.Total {
				t.Errorf("the test's time was up after %d of %d worlds: -timeout gives it more", r.Worlds, r.Total)
			}
			t.Logf("%d worlds, %d events, %d passed, %d run twice, %d places", r.Worlds, r.Events, r.Passed, r.Rechecked, r.Table.Len())
		})
	}
}
