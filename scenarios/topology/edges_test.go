package topology

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestReadsAListOfEdges(t *testing.T) {
	g, err := Read("net.edges", strings.NewReader(`# three sites
west east          # the first
west east name=backup kind=slow

north kind=router x=500 y=-1000
  east	north
alone
`))
	if err != nil {
		t.Fatal(err)
	}
	wantSound(t, "edges", g)
	var got []string
	for _, n := range g.Nodes {
		got = append(got, n.Name+" "+n.Kind)
	}
	for _, l := range g.Links {
		got = append(got, fmt.Sprintf("%s %s %s:%s %s:%s", l.Name, l.Kind, g.Nodes[l.Ends[0].Node].Name, l.Ends[0].PortName(), g.Nodes[l.Ends[1].Node].Name, l.Ends[1].PortName()))
	}
	want := []string{
		"west node", "east node", "north router", "alone node",
		"west-east link west:p0 east:p0", "backup slow west:p1 east:p1", "east-north link east:p2 north:p0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := g.Nodes[2]; n.X != 500 || n.Y != -1000 {
		t.Errorf("north is at %d, %d", n.X, n.Y)
	}
	if of, n := g.Components(); n != 2 || !cmp.Equal(of, []int32{0, 0, 0, 1}) || g.Connected() {
		t.Errorf("components %v, %d", of, n)
	}
	if d := g.Distances(0); !cmp.Equal(d, []int32{0, 1, 2, -1}) || g.Diameter() != 2 {
		t.Errorf("distances %v", d)
	}
}

func TestListsThatAreWrongAreRefusedByLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "net.edges: no nodes",
		"a b\na b":                "net.edges:2: link a-b: line 1 has the name already; give this one a name=",
		"a a":                     "net.edges:1: a a: a link joins two nodes",
		"a b c":                   "net.edges:1: 3 names: want one node, or the two ends of a link",
		"kind=x":                  "net.edges:1: 0 names: want one node, or the two ends of a link",
		"a kind=x b":              `net.edges:1: "b": names of nodes come first`,
		"a b colour=red":          `net.edges:1: "colour": not allowed; one of name=, kind=`,
		"a b kind=x kind=y":       "net.edges:1: kind: is given twice",
		"\n\na b kind=":           `net.edges:3: kind "": want letters, digits, _ and -, at most 63, not beginning with -`,
		"a:p0 b":                  `net.edges:1: node "a:p0": want letters, digits, _ and -, at most 63, not beginning with -`,
		"a\na":                    "net.edges:2: node a: line 1 has it already",
		"a x=1":                   "net.edges:1: node a: x and y go together",
		"a x=1 y=1e3":             `net.edges:1: y "1e3": want a whole number between -1099511627776 and 1099511627776`,
		strings.Repeat("x", 9999): "net.edges:1: the line is longer than 4095 bytes",
		strings.Repeat("x", 40) + " " + strings.Repeat("y", 40): "net.edges:1: link \"" + strings.Repeat("x", 40) + "-" +
			strings.Repeat("y", 39) + "\": want letters, digits, _ and -, at most 63, not beginning with -; give it a name=",
	} {
		if _, err := Read("net.edges", strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%.40q: %v\nwant %s", text, err, want)
		}
	}
	broken := errors.New("the disk is gone")
	if _, err := Read("net.edges", iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("reader's error: %v", err)
	}
}

// FuzzRead: whatever the list, it is a sound graph or an error.
func FuzzRead(f *testing.F) {
	f.Add("a b\nb c name=x kind=y\nd x=1 y=2\n# end")
	f.Fuzz(func(t *testing.T, text string) {
		if g, err := Read("x", strings.NewReader(text)); err == nil {
			wantSound(t, "x", g)
		}
	})
}

func ExampleGrid() {
	g, _ := Grid(10, 10)
	fmt.Println(g.Nodes[23].Name, g.Degree(23), g.Diameter())
	// Output: r2c3 4 18
}
