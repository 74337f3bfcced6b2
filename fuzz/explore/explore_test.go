package explore_test

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"example.com/dsim/fuzz/explore"
	"example.com/dsim/fuzz/repro"
	"example.com/dsim/scenarios"
)

var long = flag.Bool("long", false, "run the long forms of tests")

func source(t *testing.T, file string) *scenarios.Source {
	t.Helper()
	src, err := scenarios.Load(filepath.Join("../../scenarios", filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func search(t *testing.T, opt explore.Options) *explore.Report {
	t.Helper()
	if opt.First == 0 {
		opt.First = 1
	}
	x, err := explore.New(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	r, err := x.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.Broken != nil {
		t.Fatalf("world %d is not the same twice: %v", r.Broken.World, r.Broken.Difference)
	}
	return r
}

// described is all of a report that may not depend on how it was made.
func described(r *explore.Report) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Worlds, r.Passed, r.Failed, r.Inconclusive, r.Unfit, r.Events, r.Rechecked, r.Until)
	for _, f := range r.Found {
		fmt.Fprintf(&b, "%s: world %d, %d times\n%s\n%s\n", f.Signature, f.World, f.Count, f.Plan, f.File.Encode())
	}
	fmt.Fprintln(&b, r.Sometimes, r.Bites)
	b.WriteString(r.Table.String())
	return b.String()
}

func TestWhatIsFoundDoesNotDependOnJobs(t *testing.T) {
	for _, file := range []string{"canaries/abp-give-up.yaml", "abp5/counter.yaml"} {
		src := source(t, file)
		one := described(search(t, explore.Options{Source: src, Last: 130, Jobs: 1}))
		for _, jobs := range []int{5} {
			if many := described(search(t, explore.Options{Source: src, Last: 130, Jobs: jobs})); many != one {
				t.Errorf("%s with %d jobs:\n%s\nwith one:\n%s", file, jobs, many, one)
			}
		}
	}
}

func TestEveryCanaryIsFound(t *testing.T) {
	list, err := filepath.Glob("../../scenarios/canaries/*.yaml")
	if err != nil || len(list) == 0 {
		t.Fatalf("no canaries: %v", err)
	}
	for _, path := range list {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := source(t, "canaries/"+name+".yaml")
			r := search(t, explore.Options{Source: src, Last: 24})
			if name == "sometimes" {
				if len(r.Sometimes) != 1 || r.Sometimes[0].Worlds != 0 {
					t.Errorf("%+v, want a sometimes that never happened", r.Sometimes)
				}
				return
			}
			meant := fails(t, src)
			found := false
			for _, f := range r.Found {
				t.Logf("%d of %d: %s", f.Count, r.Worlds, f.Signature)
				found = found || f.Signature.Property == meant
				rep, err := f.File.Check(context.Background(), repro.Options{})
				if err != nil || rep.Status != repro.Reproduced {
					t.Errorf("the file of %s: %s %s %v\n%s", f.Signature, rep.Status, rep.Why, err, f.File.Encode())
				}
			}
			if !found {
				t.Errorf("no failure of %s in %d worlds", meant, r.Worlds)
			}
		})
	}
}

// fails is the property a scenario is meant to fail with.
func fails(t *testing.T, src *scenarios.Source) string {
	t.Helper()
	sc, err := src.Build(scenarios.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return sc.Fails
}

// What a protocol is made to bear it bears in every world that is drawn.
func TestSoundProtocolsHold(t *testing.T) {
	for _, file := range []string{
		"abp/two-cells.yaml", "abp/lossy.yaml", "abp/both-ways.yaml", "abp/crash.yaml", "abp/flap.yaml", "abp5/counter.yaml",
		"echo/outage.yaml",
	} {
		t.Run(strings.TrimSuffix(file, ".yaml"), func(t *testing.T) {
			t.Parallel()
			last := uint64(24)
			if *long {
				last = 1000
			}
			r := search(t, explore.Options{Source: source(t, file), Last: last})
			for _, f := range r.Found {
				t.Errorf("%d of %d: %s\nworld %d: %s\n%s", f.Count, r.Worlds, f.Signature, f.World, f.Failure, f.Plan)
			}
			t.Log(r.Until, r.Worlds, r.Passed, r.Failed, r.Inconclusive, r.Unfit, r.Why, r.Events, r.Bites, r.Sometimes)
		})
	}
}
