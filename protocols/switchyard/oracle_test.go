package switchyard

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// story reads emissions as "CELL: kind A B", the cell left out if it is the
// fabric, with ; or a line's end between them. A number is as in Go; 11/2/1 is
// the sum of frame 11 as it comes for endpoint 2 under flag 1. Of a bridge
// "CELL: bridge LEFT RIGHT" are the fabrics.
func story(t testing.TB, text string) (list []cells.Emission) {
	t.Helper()
	kinds := map[string]cells.Kind{}
	for _, o := range []cells.Oracle{NewOracle(), NewCounters(), NewStorm()} {
		for _, k := range o.Kinds() {
			kinds[strings.TrimPrefix(k.String(), "switchyard-")] = k
		}
	}
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == '\n' }) {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		m := cells.Emission{Cell: "fabric"}
		if name, named := strings.CutSuffix(words[0], ":"); named {
			m.Cell, words = cells.ID(name), words[1:]
		}
		kind, known := kinds[words[0]]
		if !known {
			t.Fatalf("%q: no kind", part)
		}
		m.Kind = kind
		if kind == KindBridge {
			m.Text = strings.Join(words[1:], " ")
			words = words[:1]
		}
		for i, to := range []*int64{&m.A, &m.B} {
			if len(words) > i+1 {
				*to = valueOf(t, words[i+1])
			}
		}
		list = append(list, m)
	}
	return list
}

func valueOf(t testing.TB, word string) int64 {
	t.Helper()
	var n [3]int64
	parts := strings.Split(word, "/")
	for i, p := range parts {
		v, err := strconv.ParseInt(p, 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		n[i] = v
	}
	if len(parts) == 3 {
		return sumIn(n[0], uint32(n[1]), uint32(n[2]))
	}
	return n[0]
}

// tell shows a story to an oracle, and gives what it finds.
func tell(t testing.TB, o cells.Oracle, text string) error {
	t.Helper()
	for _, m := range story(t, text) {
		if err := o.Observe(des.Key{}, m); err != nil {
			return err
		}
	}
	return o.Finish()
}

func wantFound(t *testing.T, why string, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
		t.Errorf("%s: found %v, want %q", why, err, want)
	}
}

// two is a fabric with ann, who tells her session, at endpoint 1, and ben, who
// tells none, at endpoint 2; ben sees everything, too, at the endpoint of ann.
const two = `begun
	ann: session 77 0
	hello 1 77; endpoint 1 0x025359000001; subscribed 1 2
	hello 2 0; endpoint 2 0x025359000002; subscribed 2 4; subscribed 1 5
	ann: session 77 1
	`

func TestWhatTheOracleOfDeliveryFinds(t *testing.T) {
	const (
		sends = "ann: sent 77 11;"
		comes = "in 1 1; frame 11 60; macs 0x025359000002 0x025359000001;"
		toBen = "in 2 2; frame 12 60; macs 0x025359000001 0x025359000002;"
		back  = "in 2 2; frame 13 60; macs 0x025359000002 0x025359000001;"
	)
	for _, x := range []struct{ why, finds, text string }{
		{"nothing happens", "", ""},
		{"ann sends to ben", "", sends + comes + "out 3 11; out 2 11"},
		{"ben has no room", "", sends + comes + "full 3 11; out 2 11"},
		{"ben sends to ann", "", toBen + "out 1 12; out 3 12; ann: received 77 12/1/0"},
		{"and again, before she has it", "", toBen + "out 1 12; out 3 12;" + toBen + "full 1 12; out 3 12; ann: received 77 12/1/0"},
		{"what is lost on the way", "", "ann: sent 77 11; in 1 0; frame 11 13; ann: sent 77 12; in 1 0; frame 12 5"},
		{"doubled", "", toBen + "impaired 1 2; out 1 12; out 3 12; out 1 12; ann: received 77 12/1/0; ann: received 77 12/1/0"},
		{"dropped, but seen", "", toBen + "impaired 1 0; out 3 12"},
		{"late", "", toBen + "impaired 1 0x100; out 3 12; late 1 12; out 1 12; ann: received 77 12/1/0"},
		{"late, twice", "", toBen + "impaired 1 0x200; out 3 12; late 1 12; out 1 12; late 1 12; full 1 12"},
		{"replayed", "", toBen + "out 1 12; out 3 12; replayed 2 1; frame 12 60; macs 0x025359000001 0x025359000002; out 1 12; out 3 12"},
		{"mirrored", "", "mirror 2 1; frame 99 60; out 1 99"},
		{"mirrored by the fabric", "", toBen + "out 1 12; out 3 12; mirror 0 1; frame 12 60; out 1 12"},
		{"blocked", "", "rules 1 4;" + toBen + "blocked 1 12; out 3 12; applied 1 4"},
		{"an address moves", "", sends + comes + "out 3 11; out 2 11; in 2 2; frame 12 60; macs 0xffffffffffff 0x025359000001; out 1 12; out 3 12;" +
			"ann: received 77 12/1/0;" + back + "out 3 13; out 2 13"},
		{"she goes", "", "gone 1 0;" + toBen + "out 3 12; removed 1; endpoint 3 0x025359000001;" + toBen},
		{"a fabric begins anew", "", toBen + "out 1 12; out 3 12; begun; hello 1 0; endpoint 1 0x025359000002; ann: received 77 12/1/0; ann: session 78 0; hello 2 78"},
		{"an endpoint applies rules, which is no fabric's", "", "ann: applied 1 4"},

		{"two sessions of one number", "ben: session 77 is that of ann", "ben: session 77 0"},
		{"one of somebody else", "ben: switchyard-sent in session 77, which it did not begin", "ben: sent 77 11"},
		{"one of nobody", "ann: switchyard-received in session 78, which it did not begin", "ann: received 78 11"},
		{"a frame from nowhere", "ann: frame 1 of the connection was received, but none is on its way", "ann: received 77 11/1/0"},
		{"once too often", "ann: frame 2 of the connection was received, but none is on its way", toBen + "out 1 12; out 3 12; ann: received 77 12/1/0; ann: received 77 12/1/0"},
		{"another frame", "ann: frame 1 of the connection is not the one that was sent, or for another endpoint", toBen + "out 1 12; out 3 12; ann: received 77 13/1/0"},
		{"for another endpoint", "ann: frame 1 of the connection is not the one that was sent, or for another endpoint", toBen + "out 1 12; out 3 12; ann: received 77 12/2/0"},
		{"under other flags", "ann: frame 1 of the connection is not the one that was sent, or for another endpoint", toBen + "out 1 12; out 3 12; ann: received 77 12/1/1"},
		{"a late copy that nobody kept", "fabric: a late copy for endpoint 1 that nothing was kept for", "late 1 12"},
		{"a late copy of a frame that was dropped", "fabric: a late copy for endpoint 1 that nothing was kept for", toBen + "impaired 1 0; out 3 12; late 1 12"},
		{"a late copy once too often", "fabric: a late copy for endpoint 1 that nothing was kept for", toBen + "impaired 1 0x100; out 3 12; late 1 12; out 1 12; late 1 12"},
		{"a late copy for nobody", "fabric: a late copy for endpoint 1 that nothing was kept for", toBen + "impaired 1 0x100; out 3 12; removed 1 0; late 1 12"},
		{"a late copy that does not arrive", "fabric: subscription 1 of endpoint 1 never got a frame that is for it", toBen + "impaired 1 0x100; out 3 12; late 1 12"},
		{"a connection that is not there", "fabric: a frame on connection 9, which is not there", "in 9 1"},
		{"one that is gone", "fabric: a frame on connection 2, which is not there", "gone 2 0; in 2 2"},
		{"an endpoint that is not there", "fabric: a frame from endpoint 9, which is not there", "in 1 9"},
		{"a mirror of nobody", "fabric: a mirrored frame on connection 9 for endpoint 1: one of them is not there", "mirror 9 1"},
		{"a mirror for nobody", "fabric: a mirrored frame on connection 1 for endpoint 9: one of them is not there", "mirror 1 9"},
		{"a mirror that all see", "fabric: subscription 3 gets a frame that is not for it", "mirror 2 1; frame 99 60; out 1 99; out 3 99"},
		{"a mirror of what was never there", "fabric: a frame that the fabric sends again was never seen before", "mirror 0 1; frame 99 60; out 1 99"},
		{"a mirror too early", "fabric: subscription 3 of endpoint 1 never got a frame that is for it", toBen + "out 1 12; mirror 0 1"},
		{"replayed for nobody", "fabric: a replayed frame of endpoint 9, which is not there", "replayed 9 1"},
		{"replayed, and never seen", "fabric: a frame that the fabric sends again was never seen before", "replayed 1 1; frame 55 60"},
		{"numbers that are used again", "fabric: endpoint 2 is created after endpoint 2", "removed 2 0; endpoint 2 0x025359000007"},
		{"an address twice", "fabric: endpoint 3 is created with an address of endpoint 1", "endpoint 3 0x025359000001"},
		{"removed twice", "fabric: endpoint 2 is removed, which is not there", "removed 2 0; removed 2 0"},
		{"subscribed to nobody", "fabric: connection 1 subscribes to endpoint 9: one of them is not there", "subscribed 9 2"},
		{"nobody subscribes", "fabric: connection 9 subscribes to endpoint 1: one of them is not there", "subscribed 1 18"},
		{"rules for nobody", "fabric: rules for endpoint 9, which is not there", "rules 9 1"},
		{"an old version", "fabric: version 3 of the rules of endpoint 1, after version 4", "rules 1 4; rules 1 3"},
		{"the same version", "fabric: version 4 of the rules of endpoint 1, after version 4", "rules 1 4; rules 1 4"},
		{"a version that is not there", "fabric: version 5 of the rules of endpoint 1 applied, which has only version 4", "rules 1 4; applied 1 5"},
		{"hello twice, with a session", "fabric: connection 1 says hello twice", "hello 1 77"},
		{"hello twice, without", "fabric: connection 2 says hello twice", "hello 2 0"},
		{"the session of another", "fabric: connection 3 has the session of another", "hello 3 77"},
		{"addresses of no frame", "fabric: the addresses of a frame that did not come in", "macs 1 2"},
		{"a frame of no connection", "fabric: a frame that did not come in", "frame 11 60"},
		{"two frames in one", "fabric: a frame that did not come in", "in 2 2; frame 11 60; frame 12 60"},
		{"not what she sent", "fabric: frame 1 on the connection of ann is not what was sent next there", "ann: sent 77 12;" + comes},
		{"in another order", "fabric: frame 1 on the connection of ann is not what was sent next there", "ann: sent 77 12; ann: sent 77 11;" + comes},
		{"what she never sent", "fabric: frame 1 on the connection of ann is not what was sent next there", comes},
		{"twice", "fabric: frame 2 on the connection of ann is not what was sent next there", sends + comes + "out 3 11; out 2 11;" + comes},
		{"impaired for somebody else", "fabric: a copy for endpoint 2 is impaired before subscription 1 has its own", toBen + "impaired 2 0"},
		{"impaired, though for another", "fabric: a copy for endpoint 1 is impaired, which the frame is not for", sends + comes + "impaired 1 0"},
		{"impaired behind the first of its copies", "fabric: a copy for endpoint 1 is impaired, which the frame is not for", toBen + "out 1 12; impaired 1 0"},
		{"three copies", "fabric: a copy for endpoint 1 is impaired, which the frame is not for", toBen + "impaired 1 0x201"},
		{"a third party", "fabric: subscription 2 gets a frame, which is subscription 3's first", sends + comes + "out 2 11"},
		{"not for her", "fabric: subscription 1 gets a frame, which is subscription 3's first", sends + comes + "out 1 11"},
		{"one copy too many", "fabric: subscription 2 gets a frame that is not for it", sends + comes + "out 3 11; out 2 11; out 2 11"},
		{"to the source", "fabric: subscription 2 gets a frame that is not for it", "in 2 2; frame 12 60; macs 0xffffffffffff 0x025359000002; out 1 12; out 3 12; out 2 12"},
		{"another frame", "fabric: subscription 3 gets another frame than the one that came in", sends + comes + "out 3 12"},
		{"blocked without rules", "fabric: a frame for subscription 1 is blocked, which no rules are for", toBen + "blocked 1 12"},
		{"blocked for who sees everything", "fabric: a frame for subscription 3 is blocked, which no rules are for", "rules 1 4;" + toBen + "out 1 12; blocked 3 12"},
		{"swallowed by the fabric", "fabric: a frame came in of which nothing more was said", "in 2 2"},
		{"swallowed in the middle", "fabric: a frame came in of which nothing more was said", "in 2 2; frame 12 60; hello 3 0"},
		{"forgotten at the end", "fabric: subscription 2 of endpoint 2 never got a frame that is for it", sends + comes + "out 3 11"},
		{"forgotten before the next", "fabric: subscription 3 of endpoint 1 never got a frame that is for it", sends + comes + toBen},
		{"one of a doubled frame", "fabric: subscription 1 of endpoint 1 never got a frame that is for it", toBen + "impaired 1 2; out 1 12; out 3 12"},
	} {
		wantFound(t, x.why, tell(t, NewOracle(), two+x.text), x.finds)
	}
	wantFound(t, "a fabric that did not begin is none", tell(t, NewOracle(), "in 1 1; other: out 3 4"), "")
}

// account is what a fabric shows that has done much, and the emissions of it.
func account() (map[string]int64, []cells.Kind) {
	attrs := map[string]int64{
		"copies": 20, "duplicated": 3, "mirrored": 1, "impaired": 2, "arrived": 19, "waiting": 2, "vanished": 1,
		"offered": 9, "delivered": 6, "full": 3, "frames": 8, "replayed": 2, "unicast": 4, "flooded": 6,
		"blocked": 1, "greeted": 2, "subscriptions": 3, "aged": 1, "rules": 1,
	}
	var did []cells.Kind
	for _, c := range countersOf {
		for range attrs[c.attr] {
			did = append(did, c.kind)
		}
	}
	return attrs, did
}

func TestWhatTheSurveyOfCountersFinds(t *testing.T) {
	survey := func(run cells.RunState, begun bool, change func(attrs map[string]int64)) error {
		o := NewCounters().(*counters)
		attrs, did := account()
		if begun {
			_ = o.Observe(des.Key{}, cells.Emission{Cell: "fabric", Kind: KindBegun})
		}
		for _, k := range did {
			_ = o.Observe(des.Key{}, cells.Emission{Cell: "fabric", Kind: k})
		}
		change(attrs)
		status := cells.CellStatus{ID: "fabric", Run: run}
		for name, n := range attrs {
			status.State = append(status.State, cells.IntAttr(name, n))
		}
		return errors.Join(o.Survey(cells.Snapshot{Cells: []cells.CellStatus{{ID: "ann"}, status}}), o.Finish())
	}
	nothing := func(map[string]int64) {}
	wantFound(t, "all adds up", survey(cells.Running, true, nothing), "")
	for _, c := range countersOf {
		_, did := account()
		n := 0
		for _, k := range did {
			if k == c.kind {
				n++
			}
		}
		for _, d := range []int64{-1, 1} {
			err := survey(cells.Running, true, func(attrs map[string]int64) { attrs[c.attr] += d })
			wantFound(t, c.attr, err, fmt.Sprintf("fabric: %s is %d, but there were %d", c.attr, int64(n)+d, n))
		}
	}
	for attr, want := range map[string]string{
		"copies":     "fabric: copies are where they must be: 25 = [copies duplicated mirrored], but 24 = [impaired arrived waiting vanished]",
		"duplicated": "fabric: copies are where they must be: 25 = [copies duplicated mirrored], but 24 = [impaired arrived waiting vanished]",
		"impaired":   "fabric: copies are where they must be: 24 = [copies duplicated mirrored], but 25 = [impaired arrived waiting vanished]",
		"arrived":    "fabric: copies are where they must be: 24 = [copies duplicated mirrored], but 25 = [impaired arrived waiting vanished]",
		"waiting":    "fabric: copies are where they must be: 24 = [copies duplicated mirrored], but 25 = [impaired arrived waiting vanished]",
		"vanished":   "fabric: copies are where they must be: 24 = [copies duplicated mirrored], but 25 = [impaired arrived waiting vanished]",
		"offered":    "fabric: offers end one way: 10 = [offered], but 9 = [delivered full]",
		"frames":     "fabric: each frame is for one or for all: 11 = [frames replayed], but 10 = [unicast flooded]",
		"unicast":    "fabric: each frame is for one or for all: 10 = [frames replayed], but 11 = [unicast flooded]",
		"flooded":    "fabric: each frame is for one or for all: 10 = [frames replayed], but 11 = [unicast flooded]",
	} {
		wantFound(t, attr, survey(cells.Running, true, func(attrs map[string]int64) { attrs[attr]++ }), want)
	}
	wrong := func(attrs map[string]int64) { attrs["delivered"] = 1 }
	wantFound(t, "what does not run shows nothing", survey(cells.Crashed, true, wrong), "")
	wantFound(t, "what did not begin is no fabric", survey(cells.Running, false, wrong), "")
	o := NewCounters().(*counters)
	for _, k := range []cells.Kind{KindBegun, KindOut, KindOut, KindBegun} {
		_ = o.Observe(des.Key{}, cells.Emission{Cell: "fabric", Kind: k})
	}
	wantFound(t, "it counts anew when it begins anew", o.Survey(cells.Snapshot{Cells: []cells.CellStatus{{ID: "fabric", Run: cells.Running}}}), "")
}

func TestWhatTheStormDetectorFinds(t *testing.T) {
	const one = "left: frame 11 60; one: bridge left right; two: bridge left right; "
	again := func(n int, text string) string { return strings.Repeat(text+";", n) }
	for _, x := range []struct{ why, finds, text string }{
		{"once across, and once back", "", one + "ann: sent 1 11; one: carried 11 0; one: carried 11 1"},
		{"as often as it was sent", "", one + again(50, "ann: sent 1 11; one: carried 11 0; one: carried 11 1")},
		{
			"sent by bridges is not sent", "a frame of 60 bytes goes round, and one takes it across for the 9. time: left > one > right > two > left",
			one + "ann: sent 1 11;" + again(9, "one: sent 1 11; one: carried 11 0; two: carried 11 1"),
		},
		{"not a storm yet", "", one + "ann: sent 1 11;" + again(8, "one: carried 11 0; two: carried 11 1")},
		{
			"the other way round", "a frame of 60 bytes goes round, and two takes it across for the 9. time: left > two > right > one > left",
			one + "ann: sent 1 11;" + again(9, "two: carried 11 0; one: carried 11 1"),
		},
		{"sent twice", "", one + "ann: sent 1 11; ben: sent 2 11;" + again(16, "one: carried 11 0; two: carried 11 1")},
		{
			"sent twice, and round for ever", "a frame of 60 bytes goes round, and one takes it across for the 17. time: left > one > right > two > left",
			one + "ann: sent 1 11; ben: sent 2 11;" + again(17, "one: carried 11 0; two: carried 11 1"),
		},
		{"doubled by a fabric", "", one + "ann: sent 1 11; left: frame 11 60; left: impaired 1 2;" + again(16, "one: carried 11 0; two: carried 11 1")},
		{"doubled, and late", "", one + "ann: sent 1 11; left: frame 11 60; left: impaired 1 0x200;" + again(16, "one: carried 11 0; two: carried 11 1")},
		{
			"dropped is not doubled", "a frame of 60 bytes goes round, and one takes it across for the 9. time: left > one > right > two > left",
			one + "ann: sent 1 11; left: frame 11 60; left: impaired 1 0; left: impaired 1 1;" + again(9, "one: carried 11 0; two: carried 11 1"),
		},
		{"replayed", "", one + "ann: sent 1 11; left: frame 11 60; left: replayed 1 1;" + again(16, "one: carried 11 0; two: carried 11 1")},
		{"many frames", "", one + strings.Repeat("ann: sent 1 11; one: carried 11 0; ann: sent 1 12; one: carried 12 0;", 20)},
		{"no way back", "", one + "ann: sent 1 11;" + again(30, "one: carried 11 0; two: carried 11 0")},
		{"over itself is no way back", "", one + "ann: sent 1 11;" + again(30, "one: carried 11 0; one: carried 11 1")},
		{
			"a triangle, and a dead end", "a frame of 60 bytes goes round, and c takes it across for the 9. time: z > c > x > a > y > b > z",
			"x: frame 11 60; a: bridge x y; b: bridge y z; c: bridge z x; d: bridge y w; ann: sent 1 11; c: carried 11 0;" + again(9, "a: carried 11 0; d: carried 11 0; b: carried 11 0; c: carried 11 0"),
		},
	} {
		wantFound(t, x.why, tell(t, NewStorm(), x.text), x.finds)
	}
}

// The detector keeps no more than it must, and what goes round among it.
func TestTheStormDetectorForgets(t *testing.T) {
	o := NewStorm().(*storm)
	see := func(text string) error {
		t.Helper()
		return tell(t, o, text)
	}
	if err := see("left: frame 11 60; one: bridge left right; two: bridge left right; ann: sent 1 11; ann: sent 1 12"); err != nil {
		t.Fatal(err)
	}
	for round := range 9 {
		for n := range int64(stormFrames / 2) {
			o.frame(int64(round)<<32 + 1000 + n)
		}
		err := see("one: carried 11 0; two: carried 11 1")
		if (err != nil) != (round == 8) {
			t.Errorf("the %d. time: %v", round+1, err)
		}
	}
	if n := len(o.frames) + len(o.before); n > 2*stormFrames || o.frames[12] != nil || o.before[12] != nil {
		t.Errorf("%d frames are known", n)
	}
}
