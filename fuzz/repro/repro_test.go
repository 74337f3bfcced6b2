package repro_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/des"
	"example.com/dsim/fuzz/repro"
)

// canary is a shipped scenario that fails.
func canary(t *testing.T, name string, seed uint64) repro.World {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../scenarios/canaries", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return repro.World{Name: name + ".yaml", Text: text, Seed: des.SeedOf(seed)}
}

func run(t *testing.T, w repro.World) *repro.Outcome {
	t.Helper()
	o, err := w.Run(context.Background(), repro.Options{Choices: true})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// kept is the file of the first failure of a canary.
func kept(t *testing.T, name string, seed uint64) *repro.File {
	t.Helper()
	o := run(t, canary(t, name, seed))
	if len(o.Failures) == 0 {
		t.Fatalf("%s did not fail", name)
	}
	f := o.Failures[0]
	_, o, err := repro.Serve(context.Background(), o, f, repro.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return repro.Keep(o, f, "test")
}

func check(t *testing.T, f *repro.File) *repro.Report {
	t.Helper()
	r, err := f.Check(context.Background(), repro.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func canaries(t *testing.T) (names []string) {
	t.Helper()
	list, err := filepath.Glob("../../scenarios/canaries/*.yaml")
	if err != nil || len(list) == 0 {
		t.Fatalf("no canaries: %v", err)
	}
	for _, f := range list {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".yaml"))
	}
	return names
}

func TestEveryCanaryIsKeptAndReproduced(t *testing.T) {
	for _, name := range canaries(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := kept(t, name, 7)
			again, err := repro.Parse("x.repro", f.Encode())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again.Encode(), f.Encode()) {
				t.Errorf("written again, it is\n%s\nwant\n%s", again.Encode(), f.Encode())
			}
			if r := check(t, again); r.Status != repro.Reproduced || len(r.Notes) > 0 {
				t.Errorf("%s (%s) %v, want reproduced", r.Status, r.Why, r.Notes)
			}
		})
	}
}

// The signature of a failure is that of the bug, not of the run.
func TestASignatureDoesNotDependOnTheSeed(t *testing.T) {
	for _, name := range []string{"abp-ignore-bit", "abp-give-up", "always", "eventually", "tree-execute-twice", "echo-skip-byte"} {
		var first repro.Signature
		for seed := uint64(1); seed <= 3; seed++ {
			o := run(t, canary(t, name, seed))
			if len(o.Failures) == 0 {
				t.Fatalf("%s, seed %d: did not fail", name, seed)
			}
			s := o.Failures[0].Signature
			if seed == 1 {
				first = s
				t.Log(s)
			}
			if s != first {
				t.Errorf("%s, seed %d: %s, want %s", name, seed, s, first)
			}
			back, err := repro.ParseSignature(s.String())
			if err != nil || back != s {
				t.Errorf("%q is read as %q (%v)", s, back, err)
			}
		}
	}
}

func TestServedChoicesStandForTheSeed(t *testing.T) {
	f := kept(t, "abp-ignore-bit", 7)
	if !f.World.Served || len(f.World.Verdicts()) == 0 {
		t.Fatalf("nothing is served: %+v", f.World)
	}
	f.World.Seed = des.SeedOf(12345)
	if r := check(t, f); r.Status != repro.Reproduced {
		t.Errorf("under another seed: %s (%s), want reproduced", r.Status, r.Why)
	}
	f.World.Choices = nil
	if r := check(t, f); r.Status != repro.Fixed {
		t.Errorf("without any verdict: %s (%s), want fixed", r.Status, r.Why)
	}
}

func TestAChoiceThatSlidIsFoundByItsBytes(t *testing.T) {
	f := kept(t, "abp-ignore-bit", 7)
	i := slices.IndexFunc(f.World.Choices, func(c repro.Choice) bool { return c.Where == "ab<" })
	slid := slices.Clone(f.World.Choices[i : i+1])
	f.World.Choices = slid
	if r := check(t, f); r.Status != repro.Reproduced {
		t.Fatalf("with one lost acknowledgement: %s, want reproduced", r.Status)
	}
	f.World.Choices[0].N += 100_000
	r := check(t, f)
	if r.Status != repro.Reproduced || len(r.Moved) != 1 {
		t.Errorf("a frame that is never sent: %s (%s), moved %v; want it moved", r.Status, r.Why, r.Moved)
	}
	f.World.Choices[0].Where, f.World.Choices[0].N = "xy>", 1
	if r := check(t, f); r.Status != repro.DoesNotApply || !strings.Contains(r.Why, `nothing is sent on "xy>"`) {
		t.Errorf("a link there is not: %s (%s), want does not apply", r.Status, r.Why)
	}
}

func TestWhatDoesNotFitTheBuildDoesNotApply(t *testing.T) {
	for _, edit := range [][2]string{
		{"protocol: abp,", "protocol: abq,"}, {"bug: ignore-bit", "bug: no-such-bug"}, {"abp/exactly-once-in-order", "abp/never-heard-of"},
	} {
		f := kept(t, "abp-ignore-bit", 7)
		f.World.Text = bytes.ReplaceAll(f.World.Text, []byte(edit[0]), []byte(edit[1]))
		if r := check(t, f); r.Status != repro.DoesNotApply || r.Why == "" {
			t.Errorf("%s: %s (%s), want does not apply", edit[1], r.Status, r.Why)
		}
	}
	f := kept(t, "abp-ignore-bit", 7)
	f.World.Text = bytes.ReplaceAll(f.World.Text, []byte(", bug: ignore-bit"), nil)
	f.World.Choices = f.World.Choices[:3]
	if r := check(t, f); r.Status != repro.Fixed {
		t.Errorf("without the bug: %s (%s), want fixed", r.Status, r.Why)
	}
}

func TestBadFilesAreToldOnOneLine(t *testing.T) {
	good := string(kept(t, "abp-ignore-bit", 7).Encode())
	for _, edit := range []struct{ old, with, want string }{
		{"# dsim repro 1", "# dsim repro 9", `x.repro:1: want "# dsim repro 1"`},
		{"\nseed: 7", "\nsede: 7", `unknown key "sede"; did you mean "seed"?`},
		{"\nseed: 7", "", "x.repro: seed is missing"},
		{"\nchance: served", "\nchance: fixed", "must be drawn or served"},
		{"drop:loss", "drop:hunger", "must be drop:loss or drop:burst"},
		{"\nchance: served", "\nchance: served\nchance: served", "chance: is given twice"},
	} {
		_, err := repro.Parse("x.repro", []byte(strings.Replace(good, edit.old, edit.with, 1)))
		if err == nil || !strings.Contains(err.Error(), edit.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %s", edit.with, err, edit.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("# dsim repro 1\nfails: a/b | x | y\nseed: 1\nchoice: verdict ab> 1 dup:1 @ 1ms 3B ff\nscenario:\nversion: 1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		x, err := repro.Parse("x", text)
		if err != nil {
			return
		}
		again, err := repro.Parse("x", x.Encode())
		if err != nil || !bytes.Equal(again.Encode(), x.Encode()) {
			t.Errorf("%v: %q is written as %q", err, text, x.Encode())
		}
	})
}
