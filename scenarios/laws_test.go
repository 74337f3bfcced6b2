package scenarios

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"github.com/google/go-cmp/cmp"
)

const base = `version: 1
name: base
cells:
  alice: {protocol: talk, role: sender}
  bob: {protocol: talk, role: receiver}
links:
  ab: {between: [alice:p0, bob:p0], delay: 10ms, loss: {uniform: [0%, 5%]}}
timeline:
  - {name: first, at: {uniform: [1s, 2s]}, cut: ab}
run: {until: 10s}
`

func build(t *testing.T, text string, opt BuildOptions) *Scenario {
	t.Helper()
	sc, err := tryBuild(text, opt)
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

func tryBuild(text string, opt BuildOptions) (*Scenario, error) {
	opt.Registry = testRegistry()
	src, err := Parse("x.yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	return src.Build(opt)
}

func options(sc *Scenario) map[string]string {
	m := make(map[string]string)
	for _, o := range sc.Options {
		m[o.Path] = o.Value
	}
	return m
}

func TestAnotherDrawMovesNone(t *testing.T) {
	more := strings.Replace(base, "delay: 10ms", "delay: {choose: [1ms, 2ms]}, dup: {uniform: [0%, 1%]}", 1)
	more = strings.Replace(more, "timeline:\n", "timeline:\n  - {at: {uniform: [1s, 2s]}, crash: bob}\n", 1)
	more = strings.Replace(more, "  bob:", "  aaron: {protocol: talk, role: sender, messages: {uniform: [1, 99]}}\n  bob:", 1)
	for n := range uint64(20) {
		seed := BuildOptions{Seed: des.SeedOf(n)}
		want, got := options(build(t, base, seed)), options(build(t, more, seed))
		if len(want) != 2 || len(got) != 6 {
			t.Fatalf("options %v, %v", want, got)
		}
		for path, v := range want {
			if got[path] != v {
				t.Errorf("seed %d: %s was %s, is %s", n, path, v, got[path])
			}
		}
	}
}

func TestDrawsDifferBetweenSeedsAndStayInTheirRange(t *testing.T) {
	text := strings.Replace(base, "delay: 10ms", `delay: {exponential: 10ms}, jitter: {choose: ["uniform(0ms, 1ms)", none]}, rate: {uniform: [1Mbit, 2Mbit]}, mtu: {weighted: {100: 1, 200: 3}}, reorder.delay: {normal: [1ms, 1ms]}`, 1)
	seen := make(map[string]map[string]int)
	for n := range uint64(200) {
		for path, v := range options(build(t, text, BuildOptions{Seed: des.SeedOf(n)})) {
			if seen[path] == nil {
				seen[path] = make(map[string]int)
			}
			seen[path][v]++
			switch path {
			case "links.ab.loss":
				if r, err := des.ParseRatio(v); err != nil || r.Compare(des.Ratio{Num: 5, Den: 100}) > 0 {
					t.Errorf("loss %s, %v", v, err)
				}
			case "timeline.first.at":
				if at, err := des.ParseDuration(v); err != nil || at < int64(time.Second) || at > int64(2*time.Second) {
					t.Errorf("at %s, %v", v, err)
				}
			}
		}
	}
	if mtu := seen["links.ab.mtu"]; len(mtu) != 2 || mtu["200"] < 2*mtu["100"] {
		t.Errorf("mtu drawn %v, want 200 three times as often", mtu)
	}
	for path, least := range map[string]int{"links.ab.loss": 100, "links.ab.delay": 150, "links.ab.jitter": 2, "links.ab.rate": 150, "links.ab.reorder.delay": 100} {
		if len(seen[path]) < least {
			t.Errorf("%s took %d values in 200 seeds", path, len(seen[path]))
		}
	}
}

func TestServedOptionsAreTakenAndWrongOnesRefused(t *testing.T) {
	first := build(t, base, BuildOptions{Seed: des.SeedOf(1)})
	served := options(first)
	again := build(t, base, BuildOptions{Seed: des.SeedOf(2), Served: served})
	if diff := cmp.Diff(options(first), options(again)); diff != "" {
		t.Error(diff)
	}
	if !reflect.DeepEqual(first.Initial, again.Initial) {
		t.Error("the first batch differs")
	}
	_, err := tryBuild(base, BuildOptions{Served: map[string]string{"links.ab.delay": "1ms"}})
	if !errors.Is(err, ErrServed) {
		t.Errorf("served an option that is not drawn: %v", err)
	}
	_, err = tryBuild(base, BuildOptions{Served: map[string]string{"links.ab.loss": "much"}})
	if !errors.Is(err, ErrServed) {
		t.Errorf("served a value that does not fit: %v", err)
	}
	c := first.Options[0].Choice()
	if c.What != "option" || c.Where != "links.ab.loss" || c.Value != served["links.ab.loss"] {
		t.Errorf("choice %+v", c)
	}
}

func TestBuildingTwiceGivesTheSame(t *testing.T) {
	src, err := Load("testdata/good/all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var first string
	for range 20 { // the order of maps would show
		sc, err := src.Build(BuildOptions{Registry: testRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		if got := printScenario(sc); first == "" {
			first = got
		} else if got != first {
			t.Fatal(cmp.Diff(first, got))
		}
	}
}

func TestSetOverridesValues(t *testing.T) {
	sc := build(t, base, BuildOptions{Set: []string{
		"links.ab.loss=7%", "links.ab.burst.enter=1%", "links.ab.burst.leave=2%", "run.ties=shuffled", "run.until=3s",
		"timeline[0].at=4s", "cells.alice.messages={uniform: [3, 3]}", "defaults.protocols.talk.rto=70ms", "cells.bob.clock.drift=5ppm",
		"name=another",
	}})
	if sc.Name != "another" || !sc.Run.Shuffled || sc.Run.Until != clock.Time(3*time.Second) || sc.Timeline[0].Trigger.From != clock.Time(4*time.Second) {
		t.Errorf("scenario %+v", sc)
	}
	want := []string{
		"add-cell alice protocol=talk role=sender messages=3 rto=70ms",
		"add-cell bob protocol=talk role=receiver rto=70ms",
		"add-link ab burst.enter=1% burst.leave=2% delay=10ms loss=7%",
	}
	for i, c := range sc.Initial {
		if got := changeText(c); got != want[i] {
			t.Errorf("got %s, want %s", got, want[i])
		}
	}
	if got := sc.Initial[1].Cell.Clock.Drift; got != 5*clock.PPM {
		t.Errorf("bob's drift is %d", got)
	}
	if named := build(t, base, BuildOptions{Set: []string{"timeline.first.at=9s"}}); named.Timeline[0].Trigger.From != clock.Time(9*time.Second) {
		t.Error("an entry is not found by its name")
	}
	if unset := build(t, base, BuildOptions{}); unset.Name != "base" {
		t.Error("an override reached the source")
	}
}

func TestSetErrorsNameTheOverride(t *testing.T) {
	for set, want := range map[string]string{
		"links.ba.loss=1%":       `--set links.ba.loss=1%: links: there is no "ba"; did you mean "ab"?`,
		"links.ab.los=1%":        `--set links.ab.los=1%: link ab: unknown key "los"; did you mean "loss"?`,
		"links.ab.loss=5":        `--set links.ab.loss=5: loss "5": a probability is at most 1`,
		"linkz.ab.loss=5":        `--set linkz.ab.loss=5: scenario: there is no "linkz"; did you mean "links"?`,
		"timeline[4].at=1s":      `--set timeline[4].at=1s: timeline: no entry "4"; there are 1`,
		"run.until.x=1s":         `--set run.until.x=1s: run.until: is a plain value, it has no "x"`,
		"run.until":              `--set run.until: want path=value, such as links.ab.loss=5%`,
		"run.until={a":           `--set run.until={a: value: not YAML: did not find expected ',' or '}'`,
		"run.until=":             `--set run.until=: until "": want a span such as 250ms, 1.5s or 1m30s, in ns, us, ms, s, m, h or d`,
		"cells.alice.messages=x": `--set cells.alice.messages=x: messages "x": want a whole number, in plain digits`,
	} {
		_, err := tryBuild(base, BuildOptions{Set: []string{set}})
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", set, err, want)
		}
	}
}

func TestMakeProtocolFillsTheConfig(t *testing.T) {
	r := testRegistry()
	var got talkConfig
	r.RegisterProtocol(Protocol{
		Name: "keep", Config: func() any { return new(talkConfig) },
		New: func(cfg any) (cells.Protocol, error) { got = *cfg.(*talkConfig); return fake{}, nil },
	})
	spec := cells.CellSpec{ID: "x", Protocol: "keep", Params: []cells.Param{
		{Name: "role", Value: "sender"},
		{Name: "words", Value: "a,b"},
		{Name: "give-up", Value: "10%"},
		{Name: "fast", Value: "-3ppm"},
		{Name: "offset", Value: "-5"},
		{Name: "loud", Value: "true"},
		{Name: "window", Value: "9"},
		{Name: "rto", Value: "1m"},
	}}
	if _, err := r.MakeProtocol(spec); err != nil {
		t.Fatal(err)
	}
	gap := fmt.Sprint(got.Gap)
	got.Gap = nil
	want := talkConfig{
		Role: "sender", Messages: 10, RTO: time.Minute, Window: 9, Offset: -5, Loud: true,
		Give: des.Ratio{Num: 1, Den: 10}, Fast: -3000, Words: []string{"a", "b"},
	}
	if !reflect.DeepEqual(got, want) || gap != "uniform(1ms, 5ms)" {
		t.Errorf("got %+v and %s\nwant %+v", got, gap, want)
	}
	for _, bad := range []struct {
		p    []cells.Param
		want string
	}{
		{nil, "cell x: parameter role is missing"},
		{[]cells.Param{{Name: "rola", Value: "sender"}}, `cell x: no parameter "rola"; did you mean "role"?`},
		{[]cells.Param{{Name: "role", Value: "sender"}, {Name: "rto", Value: "1"}}, `cell x: rto "1": want a span`},
	} {
		spec.Params = bad.p
		if _, err := r.MakeProtocol(spec); err == nil || !strings.HasPrefix(err.Error(), bad.want) {
			t.Errorf("%v, want %s", err, bad.want)
		}
	}
	spec.Protocol = "talc"
	if _, err := r.MakeProtocol(spec); err == nil || !strings.Contains(err.Error(), `did you mean "talk"?`) {
		t.Errorf("%v", err)
	}
}

func TestConditionsReadValuesAsTheyAreShown(t *testing.T) {
	sc := build(t, base+"expect:\n  - {sometimes: 'bob.delivered == 3 and bob.idle and bob.state == \"x\" and links.ab.lost == 2'}\n", BuildOptions{})
	c := sc.Expect[0].Cond
	want := []Watch{{Cell: "bob", Attr: "delivered"}, {Cell: "bob", Attr: "idle"}, {Cell: "bob", Attr: "state"}, {Link: "ab", Counter: "lost"}}
	if !slices.Equal(c.Watch, want) {
		t.Fatalf("watches %v", c.Watch)
	}
	values := []Value{AttrOf(cells.IntAttr("delivered", 3)), AttrOf(cells.BoolAttr("idle", true)), AttrOf(cells.TextAttr("state", "x")), CountOf(2)}
	if ok, err := c.Eval(values); !ok || err != nil {
		t.Errorf("%v, %v, want true", ok, err)
	}
	if ok, err := c.Eval(make([]Value, 4)); ok || err != nil {
		t.Errorf("without values: %v, %v, want false", ok, err)
	}
	values[0] = AttrOf(cells.TextAttr("delivered", "3"))
	if _, err := c.Eval(values); err == nil || !strings.Contains(err.Error(), "bob.delivered is text") {
		t.Errorf("of another type: %v", err)
	}
}

func TestPartitionChoosesLinksBetweenGroups(t *testing.T) {
	s := Step{Select: &Select{Groups: [][]cells.ID{{"a"}, {"b", "c"}}, Set: []cells.Param{{Name: "cut", Value: "lost"}}}}
	now := cells.Snapshot{Links: []cells.LinkStatus{
		{Name: "ab", Ends: [2]string{"a:p0", "b:p0"}},
		{Name: "bc", Ends: [2]string{"b:p1", "c:p0"}},
		{Name: "ad", Ends: [2]string{"a:p1", "d:p0"}},
		{Name: "ca", Ends: [2]string{"c", "a"}, Stream: true},
	}}
	var got []string
	for _, c := range s.Resolve(now) {
		got = append(got, changeText(c))
	}
	if want := []string{"set-link ab cut=lost", "set-link ca cut=lost"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWordsOfCommands(t *testing.T) {
	for text, want := range map[string][]string{
		"send m0": {"send", "m0"}, "  a  b ": {"a", "b"}, `say "two words" 'it''s'`: {"say", "two words", "its"},
		`a\ b ""`: {"a b", ""}, "": nil,
	} {
		if got, err := splitWords(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	words := []string{"a b", "", `q"uo'te`, "plain", `back\slash`}
	if got, err := splitWords(joinWords(words)); err != nil || !slices.Equal(got, words) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSeedOfTheFile(t *testing.T) {
	src, err := Parse("x.yaml", []byte(base+"seed: 0x10\n"))
	if err != nil {
		t.Fatal(err)
	}
	if seed, ok := src.Seed(); !ok || seed != des.SeedOf(16) {
		t.Errorf("seed %v, %v", seed, ok)
	}
	if src, _ := Parse("x.yaml", []byte(base)); src != nil {
		if _, ok := src.Seed(); ok {
			t.Error("a seed where there is none")
		}
	}
}

func FuzzBuildNeverPanics(f *testing.F) {
	f.Add([]byte(base))
	if text, err := os.ReadFile("testdata/good/all.yaml"); err == nil {
		f.Add(text)
	}
	if text, err := os.ReadFile("testdata/bad.txtar"); err == nil {
		for _, part := range strings.Split(string(text), "\n-- ")[1:] {
			f.Add([]byte(part[strings.Index(part, "\n")+1:]))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		sc, err := load("x.yaml", text)
		if (sc == nil) == (err == nil) {
			t.Errorf("%v, %v", sc, err)
		}
	})
}
