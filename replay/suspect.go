package replay

import (
	"fmt"
	"slices"
	"strings"

	"example.com/dsim/des"
)

// Class is a kind of cause for which two runs go apart.
type Class string

const (
	BySeed      Class = "seed"            // they were asked to differ
	ByScenario  Class = "scenario"        // likewise
	ByBuild     Class = "build"           // another program
	ByInput     Class = "input"           // something from outside was given to one only
	ByOrder     Class = "unordered"       // range over a map, select, order of pointers
	ByTie       Class = "tie"             // events at one instant
	ByWall      Class = "wall clock"      // the time of day, or how long something took
	ByRandom    Class = "unseeded random" // chance that does not come from the seed
	ByFloat     Class = "float"           // rounding
	ByGoroutine Class = "goroutine"       // something went on beside the handler
	ByShared    Class = "shared state"    // left by an earlier run in the process
	ByPlace     Class = "environment"     // where it ran
	Unknown     Class = "unknown"         //
)

// Suspicion is a guess at a cause, and what speaks for it.
type Suspicion struct {
	Class    Class  `json:"class"`
	Evidence string `json:"evidence"`
}

// String is the guess in words.
func (s Suspicion) String() string { return string(s.Class) + ": " + s.Evidence }

// scene is what the rules look at: two runs from where they go apart.
type scene struct {
	headers     []HeaderDifference
	choice      *ChoiceDifference
	choiceFirst bool
	event       []des.Record // the equal records just before, of one event
	a, b        []des.Record // from the first difference on

	names    names // of cells and links, as the records tell them
	together bool  // one process has run both, one after the other

	ga, gb  []des.Record // all records of the first differing event, by side
	other   bool         // the sides differ in which event comes
	numbers []series     // of the field that differs first
}

// rule is one way to tell a cause from its traces. Its weight orders the
// suspicions: what leaves little doubt is heavy.
type rule struct {
	weight int
	class  Class
	look   func(*scene) string // the evidence; empty: does not apply
	value  bool                // looks at values: applies to any record of the event that differs, not to the first only
}

// knownWeight is the least weight of what the headers say.
const knownWeight = 94

// rules is the table of what a leak looks like in records. A rule only has to
// be right where no heavier one applies.
var rules = []rule{
	{100, BySeed, header("seed", "the seeds differ: %s and %s"), false},
	{99, ByScenario, header("info "+infoCut, "a part of a run is compared: of the first %q, of the second %q (empty: the whole)"), false},
	{98, ByScenario, header("text", "the scenarios' texts differ (SHA-256 %.12s… and %.12s…)"), false},
	{98, ByScenario, header("set", "the overrides differ: %q and %q"), false},
	{98, ByScenario, header("scenario", "the scenarios differ: %s and %s"), false},
	{96, ByFloat, floatOnOtherMachine, false},
	{95, ByBuild, header("build", "the builds differ: %s and %s"), false},
	{94, ByBuild, header("rng", "the versions of the random streams differ: %s and %s"), false},
	{90, ByOrder, permutedEffects, false},
	{88, ByTie, swappedEvents, false},
	{88, ByTie, tieChoice, false},
	{86, ByWall, looksLikeWall, true},
	{85, ByOrder, looksLikePointer, true},
	{82, ByOrder, permutedContent, true},
	{80, ByFloat, offByRounding, true},
	{78, ByShared, constantOffset, true},
	{77, ByShared, leftOver, true},
	{76, ByInput, otherInput, false},
	{74, ByShared, oneSided, false},
	{73, ByRandom, bothSided, false},
	{72, ByGoroutine, movedEffect, false},
	{70, ByRandom, choiceDiffers, false},
	{68, ByWall, deadlinesNear, true},
	{67, ByWall, tookTime, true},
	{64, ByOrder, permutedAcross, false},
	{63, ByFloat, flicker, false},
	{62, ByGoroutine, wobble, false},
	{60, ByShared, runNumber, false},
	{55, ByPlace, processNumber, false},
	{52, ByOrder, otherChange, false},
	{51, ByRandom, otherTime, false},
	{50, ByRandom, otherValues, false},
	{49, ByPlace, onePerRun, false},
	{48, ByOrder, otherPick, false},
	{48, ByRandom, otherDeeds, false},
	{47, ByGoroutine, finished, false},
	{46, ByRandom, shuffled, false},
	{45, ByGoroutine, missing, false},
	{30, ByPlace, otherPlace, false},
}

// suspect fills in what may be the cause.
func (d *Difference) suspect(s *scene) {
	s.derive()
	type found struct {
		Suspicion
		weight int
	}
	var all []found
	views := append([]*scene{s}, s.views()...)
	for _, r := range rules {
		for i, v := range views {
			if i > 0 && !r.value {
				break
			}
			if e := r.look(v); e != "" {
				all = append(all, found{Suspicion{r.class, e}, r.weight})
				break
			}
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return b.weight - a.weight })
	if len(all) > 0 && all[0].weight >= knownWeight {
		// What the headers say is no guess: guesses add nothing to it.
		all = slices.DeleteFunc(all, func(f found) bool { return f.weight < knownWeight })
	}
	d.Suspect = Suspicion{Unknown, "nothing known fits; traces of level events would tell more"}
	for _, f := range all {
		switch {
		case d.Suspect.Class == Unknown:
			d.Suspect = f.Suspicion
		case f.Class != d.Suspect.Class && !slices.ContainsFunc(d.Also, func(x Suspicion) bool { return x.Class == f.Class }):
			d.Also = append(d.Also, f.Suspicion)
		}
	}
}

// derive finds the first differing event on both sides.
func (s *scene) derive() {
	if len(s.a) == 0 && len(s.b) == 0 {
		return
	}
	var ka, kb, cur des.Key
	if len(s.a) > 0 {
		ka = s.a[0].Key
	}
	if len(s.b) > 0 {
		kb = s.b[0].Key
	}
	if len(s.event) > 0 {
		cur = s.event[0].Key
	}
	with := func(prefix, list []des.Record, k des.Key) []des.Record {
		out := slices.Clone(prefix)
		for i := range list {
			if list[i].Key != k {
				break
			}
			out = append(out, list[i])
		}
		return out
	}
	switch {
	case len(s.event) > 0 && (ka == cur || kb == cur):
		s.ga, s.gb = with(s.event, s.a, cur), with(s.event, s.b, cur)
	default:
		s.ga, s.gb = with(nil, s.a, ka), with(nil, s.b, kb)
		s.other = ka != kb
	}
	s.numbers = s.findNumbers()
}

// viewsMax bounds how many records of an event are looked at.
const viewsMax = 16

// views are the scene as it begins at each further record of the event that
// differs: what came first may only be a hash of what tells more.
func (s *scene) views() (out []*scene) {
	if _, _, ok := s.pair(); !ok {
		return nil
	}
	event := s.ga[:len(s.ga)-len(within(s.a))]
	for k := 1; k < min(len(s.a), len(s.b)) && len(out) < viewsMax; k++ {
		a, b := &s.a[k], &s.b[k]
		if a.Key != s.a[0].Key || b.Key != a.Key || shape(a) != shape(b) {
			break
		}
		if Equal(a, b) {
			continue
		}
		v := &scene{headers: s.headers, names: s.names, together: s.together, event: slices.Concat(event, s.a[:k]), a: s.a[k:], b: s.b[k:]}
		v.derive()
		out = append(out, v)
	}
	return out
}

// within is the part of a window that is of the event it begins in.
func within(list []des.Record) []des.Record {
	return list[:len(list)-len(rest(list, list[0].Key))]
}

// pair is the first record of each side, if both are of the same event and
// shape: only values differ.
func (s *scene) pair() (a, b *des.Record, ok bool) {
	if s.other || len(s.a) == 0 || len(s.b) == 0 {
		return nil, nil, false
	}
	a, b = &s.a[0], &s.b[0]
	return a, b, a.Key == b.Key && a.Op == b.Op && a.Cell == b.Cell
}

// sig is a record without its place: what happened, whenever and wherever in
// an order. A frame's number is its place among the frames of its link.
func sig(r *des.Record) des.Record {
	c := *r
	c.Key, c.Cause = des.Key{}, des.Key{}
	if c.Op == des.OpSend {
		c.A = 0
	}
	c.Text += "\x00" + string(c.Data)
	c.Data = nil
	return c
}

// sigKey makes it a key of a map.
func sigKey(r *des.Record) string {
	c := sig(r)
	return fmt.Sprintf("%d %q %q %d %q %d %d %q", c.Op, c.Cell, c.Link, c.Port, c.Kind, c.A, c.B, c.Text)
}

// shape is what a record is about, without its values.
func shape(r *des.Record) string {
	return fmt.Sprintf("%d %q %d %q", r.Op, r.Cell, r.Port, r.Kind)
}

// sameMultiset reports whether both lists hold the same strings, in any order.
func sameMultiset(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

func sigs(list []des.Record) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = sigKey(&list[i])
	}
	return out
}

// header makes a rule of a differing field of the headers.
func header(field, format string) func(*scene) string {
	return func(s *scene) string {
		for _, h := range s.headers {
			if h.Field == field {
				return fmt.Sprintf(format, h.A, h.B)
			}
		}
		return ""
	}
}

func otherPlace(s *scene) string {
	for _, h := range s.headers {
		if name, ok := strings.CutPrefix(h.Field, "info "); ok {
			return fmt.Sprintf("the headers' %s differs: %q and %q", name, h.A, h.B)
		}
	}
	return ""
}

func permutedEffects(s *scene) string {
	if s.other || len(s.ga) < 2 {
		return ""
	}
	a, b := sigs(s.ga), sigs(s.gb)
	if slices.Equal(a, b) || !sameMultiset(a, b) {
		return ""
	}
	return fmt.Sprintf("at %s, both sides have the same %d records, in another order", s.names.place(s.ga[0].Key), len(a))
}

// finished and shuffled are what else may put the same into another order.
func finished(s *scene) string {
	if permutedEffects(s) == "" {
		return ""
	}
	return "the effects may be in the order in which goroutines finished"
}

func shuffled(s *scene) string {
	if permutedEffects(s) == "" && permutedContent(s) == "" {
		return ""
	}
	return "they may have been shuffled by chance that does not come from the seed"
}

func findEvent(list []des.Record, e des.Entity, seq uint64) *des.Record {
	for i := range list {
		if k := list[i].Key; k.Entity == e && k.Seq == seq && list[i].Op.Event() {
			return &list[i]
		}
	}
	return nil
}

// met are the two events that come first, each as the other side has it too.
func (s *scene) met() (a, b, aInB, bInA *des.Record) {
	if !s.other || len(s.a) == 0 || len(s.b) == 0 {
		return nil, nil, nil, nil
	}
	a, b = &s.a[0], &s.b[0]
	return a, b, findEvent(s.b, a.Key.Entity, a.Key.Seq), findEvent(s.a, b.Key.Entity, b.Key.Seq)
}

func swappedEvents(s *scene) string {
	a, b, aInB, bInA := s.met()
	if a == nil || a.Key.Time != b.Key.Time || aInB == nil || bInA == nil ||
		aInB.Key.Time != a.Key.Time || bInA.Key.Time != b.Key.Time {
		return ""
	}
	if a.Key.Entity == b.Key.Entity && a.Key.Seq == b.Key.Seq {
		return fmt.Sprintf("event %s has rank %d on one side and %d on the other", s.names.event(a.Key), a.Key.Rank, b.Key.Rank)
	}
	return fmt.Sprintf("two events at %s come in another order: %s and %s", a.Key.Time, s.names.event(a.Key), s.names.event(b.Key))
}

func tieChoice(s *scene) string {
	if !s.choiceFirst || s.choice.What != "tie" {
		return ""
	}
	return fmt.Sprintf("the rank that decided a tie of %s differs: %s and %s", s.choice.Where, s.choice.value(s.choice.A), s.choice.value(s.choice.B))
}

func (c *ChoiceDifference) value(v *string) string {
	if v == nil {
		return "plain"
	}
	return *v
}

func choiceDiffers(s *scene) string {
	if !s.choiceFirst {
		return ""
	}
	c := s.choice
	return fmt.Sprintf("chance itself differs with one seed: %s %s #%d is %s and %s, and nothing differs before", c.What, c.Where, c.N, c.value(c.A), c.value(c.B))
}

func otherInput(s *scene) string {
	for _, side := range [][]des.Record{s.a, s.b} {
		if len(side) > 0 && s.other && side[0].Key.Entity.Class() == des.Input {
			return fmt.Sprintf("an input from outside at %s", side[0].Key.Time)
		}
	}
	return ""
}

// extra are the effects that only one side's first differing event has, given
// as that side's and the other's. Nothing if both have some of their own.
func (s *scene) extra() (more, with, without []des.Record) {
	if s.other {
		return nil, nil, nil
	}
	minus := func(x, y []des.Record) []des.Record {
		have := map[string]int{}
		for _, k := range sigs(y) {
			have[k]++
		}
		var out []des.Record
		for i := range x {
			if k := sigKey(&x[i]); have[k] > 0 {
				have[k]--
			} else {
				out = append(out, x[i])
			}
		}
		return out
	}
	onlyA, onlyB := minus(s.ga, s.gb), minus(s.gb, s.ga)
	switch {
	case len(onlyA) > 0 && len(onlyB) == 0:
		return onlyA, s.a, s.b
	case len(onlyB) > 0 && len(onlyA) == 0:
		return onlyB, s.b, s.a
	}
	return nil, nil, nil
}

// rest is what follows the event that a window begins in.
func rest(list []des.Record, k des.Key) []des.Record {
	for i := range list {
		if list[i].Key != k {
			return list[i:]
		}
	}
	return nil
}

func count(list []des.Record, of func(*des.Record) string, want string) int {
	n := 0
	for i := range list {
		if of(&list[i]) == want {
			n++
		}
	}
	return n
}

// movedEffect: what one run did in this event the other does in a later one.
func movedEffect(s *scene) string {
	more, with, without := s.extra()
	if more == nil {
		return ""
	}
	k := s.ga[0].Key
	for i := range more {
		want := sigKey(&more[i])
		if more[i].Op.Event() {
			continue
		}
		if count(rest(without, k), sigKey, want) > count(rest(with, k), sigKey, want) {
			return fmt.Sprintf("%s %s happens at %s on one side and in a later event on the other", more[i].Cell, more[i].Op, s.names.place(k))
		}
	}
	return ""
}

// shared shape counts of what only one side has here.
func (s *scene) balance() (more *des.Record, with, without int) {
	list, a, b := s.extra()
	if list == nil {
		return nil, 0, 0
	}
	k := s.ga[0].Key
	want := shape(&list[0])
	return &list[0], 1 + count(rest(a, k), shape, want), count(rest(b, k), shape, want)
}

// oneSided: one run does it again and again, the other never; or it is done
// once, at the start.
func oneSided(s *scene) string {
	more, with, without := s.balance()
	if more == nil || without != 0 {
		return ""
	}
	switch {
	case with >= 3:
		return fmt.Sprintf("one run does %s %s%s %d times, the other never", more.Cell, more.Op, kindOf(more), with)
	case s.ga[0].Op == des.OpStart:
		return fmt.Sprintf("at its start %s does %s%s in one run only, as if the other had been started before", more.Cell, more.Op, kindOf(more))
	}
	return ""
}

func kindOf(r *des.Record) string {
	if r.Kind == "" {
		return ""
	}
	return " " + r.Kind
}

// bothSided: each run does it in events in which the other does not.
func bothSided(s *scene) string {
	list, with, without := s.extra()
	if list == nil {
		return ""
	}
	want := shape(&list[0])
	var order []des.Key
	per := func(records []des.Record, keep bool) map[des.Key]int {
		m := map[des.Key]int{}
		for i := range records {
			k := records[i].Key
			if _, ok := m[k]; !ok {
				m[k] = 0
				if keep {
					order = append(order, k)
				}
			}
			if shape(&records[i]) == want {
				m[k]++
			}
		}
		return m
	}
	a, b := per(with, true), per(without, false)
	b[s.ga[0].Key] += 0
	// In the order of the events, how far one run is ahead of the other: what
	// only comes late stays near, what is drawn each time walks off.
	more, less, ahead, lo, hi := 0, 0, 0, 0, 0
	for _, k := range order {
		m, ok := b[k]
		if !ok {
			continue
		}
		n := a[k]
		ahead += n - m
		lo, hi = min(lo, ahead), max(hi, ahead)
		if n > m {
			more++
		} else if n < m {
			less++
		}
	}
	if more < 1 || less < 1 || hi-lo < 3 && movedEffect(s) != "" {
		return ""
	}
	return fmt.Sprintf("%s %s%s happens in %d events of one run only and in %d of the other only", list[0].Cell, list[0].Op, kindOf(&list[0]), more, less)
}

func missing(s *scene) string {
	if list, _, _ := s.extra(); list != nil {
		return fmt.Sprintf("one run did %s %s%s at %s, the other did not", list[0].Cell, list[0].Op, kindOf(&list[0]), s.names.place(s.ga[0].Key))
	}
	if s.other || len(s.a) == 0 || len(s.b) == 0 {
		if len(s.a)+len(s.b) == 0 {
			return ""
		}
		return "an event happens in one run only, though nothing before it differs"
	}
	return ""
}

// otherDeeds: both runs did something in one event that the other did not.
func otherDeeds(s *scene) string {
	if list, _, _ := s.extra(); list != nil || s.other || len(s.ga) == 0 || len(s.gb) == 0 {
		return ""
	}
	return fmt.Sprintf("at %s, the two runs did other things", s.names.place(s.ga[0].Key))
}
