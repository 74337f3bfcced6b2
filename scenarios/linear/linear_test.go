package linear

import (
	"fmt"
	"strings"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/protocols/register"
)

// say feeds an oracle a history: "a w1" calls a write of 1 at cell a, "a r" a
// read, "a =0" returns 0 from what the cell called last.
func say(t *testing.T, o cells.Oracle, history string) error {
	t.Helper()
	last := map[string]int64{}
	for _, line := range strings.Split(history, ",") {
		var cell, what string
		if _, err := fmt.Sscan(line, &cell, &what); err != nil {
			t.Fatal(err)
		}
		m := cells.Emission{Cell: cells.ID(cell), Kind: register.KindInvoke}
		if _, err := fmt.Sscanf(what[1:]+" ", "%d", &m.B); err != nil && what != "r" {
			t.Fatal(err)
		}
		switch what[0] {
		case 'w':
			m.A = 1
		case '=':
			m.Kind, m.A = register.KindReturn, last[cell]
		}
		last[cell] = m.A
		if err := o.Observe(des.Key{}, m); err != nil {
			return err
		}
	}
	return o.Finish()
}

func TestHistories(t *testing.T) {
	for _, c := range []struct{ history, want string }{
		{"a w1, a =1, b r, b =1", ""},
		{"a w1, b r, b =0, a =1", ""},
		{"a w1, b r, b =1, a =1", ""},
		{"a w1, b r, b =1, b r, b =1", ""},
		{"a w1, a w2, b r, b =1, b r, b =2", ""}, // the first writer died, and wrote after all
		{"a w1, a =1, b r, b =0", "b returns from a read of value 0x0, operation 1"},
		{"a w1, b r, b =1, b r, b =0, a =1", "b returns from a read of value 0x0, operation 2"}, // it turned back
		{"a r, a =7", "a returns from a read of value 0x7, operation 0"},
		{"a w1, a =1, b w2, b =2, c r, c =1", "c returns from a read of value 0x1"},
		{"a =1", "a returns from an operation that it did not call"},
	} {
		got := ""
		if err := say(t, NewRegister(), c.history); err != nil {
			got = err.Error()
		}
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.history, got, c.want)
		}
	}
}

// A failure is found long before the end of a run, and names the operation.
func TestFoundBeforeTheEnd(t *testing.T) {
	history := "a w1, a =1, b r, b =0" + strings.Repeat(", a r, a =1", 20)
	o := NewRegister()
	err := say(t, o, history)
	if err == nil || !strings.Contains(err.Error(), "operation 1 of") {
		t.Fatal(err)
	}
	if n := o.(*oracle).list[0].returns; n != first {
		t.Errorf("found after %d returns, %d were enough", n, first)
	}
}

// A search beyond its bound is not decided, and says so; it does not fail.
func TestUndecided(t *testing.T) {
	m := Register
	m.Steps = 50
	o := New(m)
	history := ""
	for i := range 14 {
		history += fmt.Sprintf("c%d w%d, ", i, i+1)
	}
	if err := say(t, o, history+"r r, r =99"); err != nil {
		t.Fatal(err)
	}
	if why := o.(cells.Undecider).Undecided(); !strings.Contains(why, "took more than 50 steps") {
		t.Errorf("undecided: %q", why)
	}
}

// Objects are judged each by itself.
func TestObjects(t *testing.T) {
	o := NewRegister()
	for i, m := range []cells.Emission{
		{Cell: "a", Kind: register.KindInvoke, A: 1, B: 5},
		{Cell: "a", Kind: register.KindReturn, A: 1, B: 5},
		{Cell: "b", Kind: register.KindInvoke, A: 2},
		{Cell: "b", Kind: register.KindReturn, A: 2, B: 0},
	} {
		if err := o.Observe(des.Key{}, m); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := o.Finish(); err != nil {
		t.Error(err)
	}
}
