package expr

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

func testScope() *Scope {
	abp := []Attr{{"delivered", Int}, {"idle", Bool}, {"state", Text}}
	return &Scope{
		Cells: []Cell{
			{Name: "alice", Protocol: "abp", Attrs: abp},
			{Name: "bob", Protocol: "abp", Attrs: abp},
			{Name: "carol-2", Protocol: "open", Attrs: []Attr{{"n", Any}}, Open: true},
			{Name: "mute", Protocol: "echo"},
		},
		Links:    []Link{{"ab", "alice", "bob"}, {"self", "bob", "bob"}},
		Counters: []string{"dropped", "lost", "sent"},
	}
}

// values serves what the tests' expressions read.
func values(p *Program, world map[string]Value) []Value {
	var vs []Value
	for _, r := range p.Refs {
		vs = append(vs, world[r.String()])
	}
	return vs
}

func TestConditionsHoldForTheirValues(t *testing.T) {
	world := map[string]Value{
		"alice.delivered": IntValue(3), "alice.idle": BoolValue(true), "alice.state": TextValue("wait"),
		"bob.delivered": IntValue(1000), "bob.state": TextValue("done"),
		`cells["carol-2"].n`: IntValue(7), `cells["carol-2"].word`: TextValue("x"),
		"links.ab.lost": IntValue(5), `links.ab["a->b"].sent`: IntValue(9), `links.ab["b->a"].sent`: IntValue(2),
	}
	for source, want := range map[string]bool{
		"bob.delivered == 1000":                                      true,
		"alice.delivered > 0 && links.ab.lost > 0":                   true,
		"alice.delivered > 3 or not alice.idle":                      false,
		"bob.idle":                                                   false, // not there
		"bob.idle == false":                                          true,
		`links.ab["alice->bob"].sent - links.ab["b->a"].sent == 7`:   true,
		`cells["carol-2"].n % 4 == 3 and cells["carol-2"].n / 4 < 2`: true,
		`cells["carol-2"].word startsWith "x"`:                       true,
		`cells["carol-2"].gone == "" and cells["carol-2"].gone == 0`: true,
		`alice.state in ["wait", "done"] and alice.state != "done"`:  true,
		`all(protocol("abp"), .delivered >= 3)`:                      true,
		`any([alice, bob], .delivered >= 1000)`:                      true,
		`none([alice, bob], .delivered > 1000)`:                      true,
		`one([alice, bob], .state == "done")`:                        true,
		`sum([alice, bob], .delivered) == 1003`:                      true,
		`count([alice, bob], #.idle) == 1`:                           true,
		"max(alice.delivered, 10, -4) == 10 and min(2, 1) == 1":      true,
		"abs(0 - alice.delivered) == 3 and len(bob.state) == 4":      true,
		"(alice.idle ? alice.delivered : bob.delivered) == 3":        true,
		"1 < alice.delivered < 4":                                    true,
		"-7 / 2 == -3 and -7 % 2 == -1":                              true,
	} {
		p, err := Compile(source, testScope())
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		got, err := p.Eval(values(p, world))
		if err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", source, got, err, want)
		}
	}
}

func TestEvalFailsInsteadOfGuessing(t *testing.T) {
	big := IntValue(math.MaxInt64)
	for source, want := range map[string]string{
		"alice.delivered + 1 > 0":                     "64 bits",
		"alice.delivered * 2 > 0":                     "64 bits",
		"-alice.delivered - 2 < 0":                    "64 bits",
		"1 / (alice.delivered - alice.delivered) > 0": "division by zero",
		`cells["carol-2"].n == "x"`:                   "cannot be compared",
		`cells["carol-2"].n and true`:                 "not a truth value",
	} {
		p, err := Compile(source, testScope())
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		_, err = p.Eval(values(p, map[string]Value{"alice.delivered": big, `cells["carol-2"].n`: big}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
}

func TestCompileErrorsSayWhereAndWhatIsAllowed(t *testing.T) {
	for _, tc := range []struct{ source, want string }{
		{"bob.deliverd == 1", `4: cell bob does not show "deliverd"; did you mean "delivered"?`},
		{"1 == bbo.delivered", `5: no cell "bbo"; did you mean "bob"?`},
		{"carol-2 == 1", `0: no cell "carol"; write cells["carol-2"]`},
		{"mute.x == 1", "5: cell mute: a cell of protocol echo shows nothing"},
		{"links.ba.sent == 1", `6: no link "ba"; did you mean "ab"?`},
		{"links.ab.sen == 1", `9: links do not count "sen"; did you mean "sent"?`},
		{`links.ab["here"].sent == 1`, `9: link ab has no direction "here"; one of a->b, b->a, alice->bob, bob->alice`},
		{`links.self["bob->bob"].sent == 1`, `11: link self joins two ports of one cell: its directions are "a->b" and "b->a"`},
		{"bob.delivered", "0: a condition wants a truth value, this is a number"},
		{"bob.delivered == 'x'", "14: == compares a number with text"},
		{"bob.delivered == 1.5", "17: number 1.5: conditions count in whole numbers"},
		{"now > 5", "0: now: conditions read values of cells and links, not the time; see within, from and until"},
		{"bob.delivered ** 2 == 1", "14: operator **: not part of conditions"},
		{"bob.state matches '.*'", "10: operator matches: not part of conditions"},
		{"random() == 1", `0: no function "random"; one of abs, len, max, min, protocol, all, any, count, none, one, sum`},
		{"bob.delivered ==", "15: condition: unexpected token EOF"},
		{"all(cells, .delivered > 0)", `12: cell mute: a cell of protocol echo shows nothing`},
		{"bob.idle and 1", "13: and wants a truth value, this is a number"},
		{"", "0: condition is empty"},
		{"let x = 1; x == 1", "4: VariableDeclarator: not part of conditions"},
		{strings.Repeat("(", 5000), "0: condition of 5000 characters: at most 4096"},
	} {
		_, err := Compile(tc.source, testScope())
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v, want an *Error", tc.source, err)
			continue
		}
		if got := fmt.Sprintf("%d: %s", e.Offset, e.Msg); got != tc.want {
			t.Errorf("%s\n got %s\nwant %s", tc.source, got, tc.want)
		}
	}
}

func FuzzCompileNeverPanics(f *testing.F) {
	f.Add("all(cells, .delivered == alice.delivered) and links.ab.sent in [1, 2]")
	f.Add(`cells["carol-2"].n ? 1 : [`)
	f.Fuzz(func(t *testing.T, source string) {
		p, err := Compile(source, testScope())
		if err != nil {
			return
		}
		if _, err := p.Eval(make([]Value, len(p.Refs))); err != nil {
			t.Logf("%s: %v", source, err)
		}
	})
}
