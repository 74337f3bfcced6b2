package tree

import (
	"strings"
	"testing"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

func TestTheOracleFindsWhatIsWrong(t *testing.T) {
	begin := func(n int64) cells.Emission { return cells.Emission{Cell: "r", Kind: KindBegin, A: 5, B: n} }
	execute := func(id cells.ID, n int64) cells.Emission {
		return cells.Emission{Cell: id, Kind: KindExecute, A: 5, B: n}
	}
	count := func(n int64, ids ...string) cells.Emission {
		sum := uint64(0)
		for _, id := range ids {
			sum += cellHash(id)
		}
		return cells.Emission{Cell: "r", Kind: KindCells, A: n, B: int64(sum)}
	}
	result := func(k cells.Kind, n int64) cells.Emission { return cells.Emission{Cell: "r", Kind: k, A: 5, B: n} }
	for _, c := range []struct {
		name, want string
		said       []cells.Emission
	}{
		{"all is well", "", []cells.Emission{begin(1), execute("r", 1), execute("a", 1), begin(2), count(2, "a", "r"), result(KindComplete, 1), execute("a", 2)}},
		{"executed late", "", []cells.Emission{begin(1), execute("r", 1), count(1, "r"), result(KindTimedOut, 1), execute("a", 1)}},
		{"not counted", "", []cells.Emission{begin(1), execute("r", 1), execute("a", 1), count(1, "r"), result(KindPartial, 1)}},
		{"executed twice", "again", []cells.Emission{begin(1), execute("a", 1), execute("a", 1)}},
		{"a large number twice", "again", []cells.Emission{begin(1 << 40), execute("a", 1<<40), execute("a", 1<<40)}},
		{"begun twice", "again", []cells.Emission{begin(1), begin(1)}},
		{"never begun", "nobody has begun", []cells.Emission{begin(1), execute("a", 2)}},
		{"counted and not begun", "nobody has begun", []cells.Emission{count(0), result(KindComplete, 1)}},
		{"too many", "it was executed in 1", []cells.Emission{begin(1), execute("r", 1), count(2, "r", "a"), result(KindPartial, 1)}},
		{"others", "not the same", []cells.Emission{begin(1), execute("r", 1), count(1, "a"), result(KindComplete, 1)}},
		{"complete and not", "it was executed in 2", []cells.Emission{begin(1), execute("r", 1), execute("a", 1), count(1, "r"), result(KindComplete, 1)}},
		{"answered twice", "again", []cells.Emission{begin(1), count(0), result(KindPartial, 1), count(0), result(KindPartial, 1)}},
		{"without a count", "how many", []cells.Emission{begin(1), result(KindPartial, 1)}},
	} {
		o := NewOracle()
		var err error
		for i, m := range c.said {
			at := des.Key{Seq: uint64(i)}
			if i > 0 && c.said[i-1].Kind == KindCells {
				at.Seq--
			}
			if err = o.Observe(at, m); err != nil {
				break
			}
		}
		if err == nil {
			err = o.Finish()
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// square is a snapshot of four cells in a square, r, a, b and c, with a tree
// of r: a and c by r, b by a. Words are replaced by pairs.
func square(replace ...string) cells.Snapshot {
	var s cells.Snapshot
	r := strings.NewReplacer(replace...)
	for _, line := range []string{
		"r|running|true|hops=0 instance=x generation=1 leafward=p0,p1|r:p0,a:p0,a:p1,b:p0,r:p1,c:p0",
		"a|running|false|hops=1 rootward=p0 parent=r:p0 instance=x generation=1 leafward=p1|",
		"b|running|false|hops=2 rootward=p0 parent=a:p1 instance=x generation=1 leafward=|",
		"c|running|false|hops=1 rootward=p0 parent=r:p1 instance=x generation=1 leafward=|",
	} {
		f := strings.Split(r.Replace(line), "|")
		run := cells.Running
		if f[1] == "crashed" {
			run = cells.Crashed
		}
		c := cells.CellStatus{ID: cells.ID(f[0]), Run: run}
		c.State = append(c.State, cells.TextAttr("reading", Ours), cells.BoolAttr("root", f[2] == "true"), cells.TextAttr("tree.r", f[3]))
		if f[4] != "" {
			c.State = append(c.State, cells.TextAttr("paths.r", f[4]))
		}
		s.Cells = append(s.Cells, c)
	}
	for _, line := range []string{"ra|r:p0|a:p0|cut=no", "ab|a:p1|b:p0|", "rc|r:p1|c:p0|loss=0", "bc|b:p1|c:p1|"} {
		f := strings.Split(r.Replace(line), "|")
		s.Links = append(s.Links, cells.LinkStatus{Name: f[0], Ends: [2]string{f[1], f[2]}, AB: paramsOf(f[3])})
	}
	s.Links = append(s.Links, cells.LinkStatus{Name: "s", Ends: [2]string{"r", "b"}, Stream: true})
	return s
}

func TestSurveysFindWhatIsWrong(t *testing.T) {
	all := func(s cells.Snapshot) [3]string {
		var got [3]string
		for i, check := range []func(cells.Snapshot) error{CheckSpanning, CheckDepth, CheckPaths} {
			if err := check(s); err != nil {
				got[i] = err.Error()
			}
		}
		return got
	}
	if got := all(square()); got != [3]string{} {
		t.Fatalf("the square is right, but %q", got)
	}
	const b = "hops=2 rootward=p0 parent=a:p1 instance=x generation=1 leafward="
	for _, c := range []struct {
		name                   string
		replace                []string
		spanning, depth, paths string
	}{
		{"b is not in it", []string{b, "none"}, "b can be reached, but is not in it", "not in it", "not in it"},
		{"b is cut off", []string{"ab|a:p1|b:p0|", "ab|a:p1|b:p0|cut=hold", "bc|b:p1|c:p1|", "bc|b:p1|c:p1|loss=100%"}, "b is in it, but cannot be reached", "b is in it", "b is in it"},
		{"b's link is cut", []string{"ab|a:p1|b:p0|", "ab|a:p1|b:p0|cut=lost"}, "without a link that works", "without a link", "without a link"},
		{"a has crashed", []string{"a|running", "a|crashed"}, "b has joined by b:p0, a port without a link", "without a link", "without a link"},
		{"the root has crashed", []string{"r|running", "r|crashed"}, "has no root", "has no root", "has no root"},
		{"another instance", []string{"a:p1 instance=x", "a:p1 instance=y"}, `in instance "y"`, "instance", "instance"},
		{"another generation", []string{"a:p1 instance=x generation=1", "a:p1 instance=x generation=2"}, "generation", "generation", "generation"},
		{"the wrong neighbour", []string{"parent=a:p1", "parent=c:p1"}, "leads to a:p1", "leads to", "leads to"},
		{"a does not know b", []string{"leafward=p1|", "leafward=|"}, "does not know it", "does not", "does not"},
		{"a knows one too many", []string{"leafward=p1|", "leafward=p1,p2|"}, "1 have joined by it", "", ""},
		{"hops that are no depth", []string{"hops=2", "hops=4"}, "", "b is 4 hops", ""},
		{"a port is not listed", []string{",a:p1,b:p0", ""}, "", "", "a:p1 0 times"},
		{"a port is listed twice", []string{",a:p1,b:p0", ",a:p1,b:p0,b:p0"}, "", "", "b:p0 2 times"},
		{"a port too many", []string{",a:p1,b:p0", ",a:p1,b:p0,x:p0"}, "", "", "names 7 ports"},
		{"not the shortest way", []string{
			"rc|r:p1|c:p0|loss=0", "rc|r:p1|c:p0|", "ra|r:p0|a:p0|cut=no", "ra|r:p0|a:p0|",
			"hops=1 rootward=p0 parent=r:p1", "hops=3 rootward=p1 parent=b:p1", "generation=1 leafward=|", "generation=1 leafward=p1|",
			"leafward=p0,p1", "leafward=p0",
		}, "", "the shortest way has 1", ""},
		{"a circle", []string{
			"hops=1 rootward=p0 parent=r:p0 instance=x generation=1 leafward=p1", "hops=3 rootward=p1 parent=b:p0 instance=x generation=1 leafward=p1",
			"leafward=|", "leafward=p0|",
		}, "circle", "", ""},
	} {
		got := all(square(c.replace...))
		for i, want := range []string{c.spanning, c.depth, c.paths} {
			if want != "" && !strings.Contains(got[i], want) {
				t.Errorf("%s: check %d says %q, want %q", c.name, i, got[i], want)
			}
			if want == "" && i == 0 && got[i] != "" && c.name != "not the shortest way" {
				t.Errorf("%s: spanning says %q", c.name, got[i])
			}
		}
	}
	o := NewSpanning().(cells.Surveyor)
	if o.Survey(square(b, "none")) == nil || len(NewDepth().Kinds()) != 0 || NewPaths().Finish() != nil {
		t.Error("a survey is an oracle that judges snapshots alone")
	}
}
