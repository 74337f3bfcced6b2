package topology

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/des"
	"github.com/google/go-cmp/cmp"
)

// shape is what closed formulas say of a graph: degrees are how many nodes
// have each.
type shape struct {
	nodes, links, diameter int
	degrees                map[int]int
	kinds                  map[string]int // of nodes
	linkKinds              map[string]int
}

func shapeOf(g *Graph) shape {
	s := shape{len(g.Nodes), len(g.Links), g.Diameter(), map[int]int{}, map[string]int{}, map[string]int{}}
	for i, n := range g.Nodes {
		s.degrees[g.Degree(i)]++
		s.kinds[n.Kind]++
	}
	for _, l := range g.Links {
		s.linkKinds[l.Kind]++
	}
	return s
}

// count is a map without what there is none of.
func count[K comparable](pairs ...any) map[K]int {
	m := make(map[K]int)
	for i := 0; i < len(pairs); i += 2 {
		if n := pairs[i+1].(int); n > 0 {
			m[pairs[i].(K)] += n
		}
	}
	return m
}

func power(b, e int) int {
	p := 1
	for range e {
		p *= b
	}
	return p
}

func TestRegularGraphsAgreeWithClosedFormulas(t *testing.T) {
	check := func(name string, g *Graph, err error, want shape) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		wantSound(t, name, g)
		if !g.Connected() {
			t.Errorf("%s: is in pieces", name)
		}
		if diff := cmp.Diff(want, shapeOf(g), cmp.AllowUnexported(shape{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, n := range []int{2, 3, 4, 5, 17, 64} {
		g, err := Line(int64(n))
		check(fmt.Sprint("line ", n), g, err, shape{n, n - 1, n - 1, count[int](1, 2, 2, n-2), count[string]("end", 2, "inner", n-2), count[string]("link", n-1)})
		g, err = Star(int64(n))
		check(fmt.Sprint("star ", n), g, err, shape{n, n - 1, min(n-1, 2), count[int](n-1, 1, 1, n-1), count[string]("hub", 1, "leaf", n-1), count[string]("spoke", n-1)})
		g, err = Mesh(int64(n))
		check(fmt.Sprint("mesh ", n), g, err, shape{n, n * (n - 1) / 2, 1, count[int](n-1, n), count[string]("node", n), count[string]("link", n*(n-1)/2)})
		if n < 3 {
			continue
		}
		g, err = Ring(int64(n))
		check(fmt.Sprint("ring ", n), g, err, shape{n, n, n / 2, count[int](2, n), count[string]("node", n), count[string]("link", n)})
		for _, m := range []int{3, 4, 7} {
			g, err = Torus(int64(n), int64(m))
			check(fmt.Sprint("torus ", n, m), g, err, shape{n * m, 2 * n * m, n/2 + m/2, count[int](4, n*m), count[string]("node", n*m), count[string]("row", n*m, "column", n*m)})
		}
		for _, m := range []int{2, 3, 10} {
			g, err = Grid(int64(n), int64(m))
			check(fmt.Sprint("grid ", n, m), g, err, shape{
				n * m, n*(m-1) + m*(n-1), n + m - 2,
				count[int](2, 4, 3, 2*(n-2)+2*(m-2), 4, (n-2)*(m-2)),
				count[string]("corner", 4, "border", 2*(n-2)+2*(m-2), "inner", (n-2)*(m-2)),
				count[string]("row", n*(m-1), "column", m*(n-1)),
			})
		}
	}
	for depth := range 6 {
		for _, f := range []int{2, 3, 4} {
			leaves := power(f, depth)
			nodes := (f*leaves - 1) / (f - 1)
			inner := nodes - leaves - min(depth, 1)
			degrees := count[int](1, leaves, f, 1, f+1, inner)
			kinds := count[string]("root", 1, "inner", inner, "leaf", leaves)
			if depth == 0 {
				degrees, kinds = count[int](0, 1), count[string]("root", 1)
			}
			g, err := Tree(int64(depth), int64(f))
			check(fmt.Sprint("tree ", depth, f), g, err, shape{
				nodes, nodes - 1, 2 * depth, degrees, kinds,
				count[string]("inner", inner, "leaf", leaves*min(depth, 1)),
			})
		}
	}
	for _, k := range []int{2, 4, 6, 8, 12} {
		hosts, cores, half := k*k*k/4, k*k/4, k*k/2
		g, err := FatTree(int64(k))
		check(fmt.Sprint("fat-tree ", k), g, err, shape{
			hosts + 5*k*k/4, 3 * hosts, 6, count[int](1, hosts, k, cores+2*half),
			count[string]("core", cores, "agg", half, "edge", half, "host", hosts),
			count[string]("core-agg", hosts, "agg-edge", hosts, "edge-host", hosts),
		})
	}
}

// wantSound checks what holds for every graph: names, ports, order.
func wantSound(t *testing.T, what string, g *Graph) {
	t.Helper()
	names, links := make(map[string]bool), make(map[string]bool)
	for _, n := range g.Nodes {
		if err := checkName("node", n.Name); err != nil || names[n.Name] {
			t.Errorf("%s: name %q: %v, or twice", what, n.Name, err)
		}
		names[n.Name] = true
	}
	used := make(map[End]bool)
	for i, l := range g.Links {
		if err := checkName("link", l.Name); err != nil || links[l.Name] {
			t.Errorf("%s: link %q: %v, or twice", what, l.Name, err)
		}
		links[l.Name] = true
		for side, e := range l.Ends {
			if used[e] {
				t.Errorf("%s: two links at node %d port %d", what, e.Node, e.Port)
			}
			used[e] = true
			if p := g.Ports(int(e.Node))[e.Port]; p.Link != int32(i) || p.Peer != l.Ends[1-side].Node {
				t.Errorf("%s: link %s ends at %v, where port says %v", what, l.Name, e, p)
			}
		}
	}
	for i := range g.Nodes {
		if !slices.IsSortedFunc(g.Ports(i), func(a, b Port) int { return int(a.Link - b.Link) }) {
			t.Errorf("%s: ports of %s are not in the order of links", what, g.Nodes[i].Name)
		}
	}
}

func TestNamesPortsAndPlaces(t *testing.T) {
	g, err := Grid(3, 4)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range g.Ports(5) { // r1c1
		got = append(got, g.Nodes[p.Peer].Name+" by "+g.Links[p.Link].Name)
	}
	want := []string{"r0c1 by r0c1-r1c1", "r1c0 by r1c0-r1c1", "r1c2 by r1c1-r1c2", "r2c1 by r1c1-r2c1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("up, left, right, down (-want +got):\n%s", diff)
	}
	if n := g.Nodes[7]; n != (Node{"r1c3", "border", 3 * Step, Step}) {
		t.Errorf("node 7 is %+v", n)
	}
	west, err := g.Prefixed("west-")
	if err != nil || west.Nodes[5].Name != "west-r1c1" || west.Links[0].Name != "west-r0c0-r0c1" || g.Nodes[5].Name != "r1c1" {
		t.Errorf("prefixed: %+v, %v", west.Nodes[5], err)
	}
	for _, prefix := range []string{"-", "a b", "ü", strings.Repeat("x", 60)} {
		if _, err := g.Prefixed(prefix); err == nil || !strings.Contains(err.Error(), "want letters") {
			t.Errorf("prefix %q: %v", prefix, err)
		}
	}
	tree, _ := Tree(2, 2)
	var xs []int64
	for _, n := range tree.Nodes {
		xs = append(xs, n.X, n.Y)
	}
	if diff := cmp.Diff([]int64{1500, 0, 500, 1000, 2500, 1000, 0, 2000, 1000, 2000, 2000, 2000, 3000, 2000}, xs); diff != "" {
		t.Errorf("places of a tree: %s", diff)
	}
	fat, _ := FatTree(4)
	if a, b := fat.Links[0].Name, fat.Nodes[len(fat.Nodes)-1].Name; a != "core0-p0-agg0" || b != "p3-e1-h1" {
		t.Errorf("fat tree: %s, %s", a, b)
	}
}

// TestCircleIsRound: the series agrees with a circle to a thousandth of a step.
func TestCircleIsRound(t *testing.T) {
	for _, n := range []int64{1, 2, 3, 4, 5, 12, 360, NodesMax} {
		radius := max(n*Step*100_000/628_318, Step)
		for i := int64(0); i < n; i += n/12 + 1 {
			x, y := onCircle(i, n)
			if d := x*x + y*y - radius*radius; max(d, -d) > 3*radius+radius*radius/1_000_000 {
				t.Errorf("%d of %d at %d, %d: off the circle of %d", i, n, x, y, radius)
			}
		}
	}
	if x, y := onCircle(3, 12); x != Step*12*100_000/628_318 || y < -1 || y > 1 {
		t.Errorf("three o'clock is at %d, %d", x, y)
	}
}

// TestPictureOfRegularGraphsHasRoom: no two nodes of a regular graph share a
// place.
func TestPictureOfRegularGraphsHasRoom(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []int64
	}{
		{"line", []int64{9}},
		{"ring", []int64{9}},
		{"star", []int64{2}},
		{"star", []int64{9}},
		{"grid", []int64{3, 5}},
		{"torus", []int64{3, 5}},
		{"tree", []int64{3, 3}},
		{"tree", []int64{5, 1}},
		{"mesh", []int64{7}},
		{"fat-tree", []int64{2}},
		{"fat-tree", []int64{6}},
	} {
		g := generate(t, c.name, des.SeedOf(1), c.values...)
		for i, a := range g.Nodes {
			for _, b := range g.Nodes[:i] {
				if dx, dy := a.X-b.X, a.Y-b.Y; dx*dx+dy*dy < Step*Step*81/100 {
					t.Errorf("%s %v: %s at %d, %d and %s at %d, %d", c.name, c.values, a.Name, a.X, a.Y, b.Name, b.X, b.Y)
				}
			}
		}
	}
}

func generate(t *testing.T, name string, seed des.Seed, values ...int64) *Graph {
	t.Helper()
	i := slices.IndexFunc(Generators(), func(g Generator) bool { return g.Name == name })
	if i < 0 {
		t.Fatalf("no generator %s", name)
	}
	g, err := Generators()[i].Make(values, seed, "net")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestBoundsAreTold(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []int64
		want   string
	}{
		{"line", []int64{0}, "line: n 0: must lie between 1 and 1048576"},
		{"line", []int64{NodesMax + 1}, "line: n 1048577: must lie between 1 and 1048576"},
		{"ring", []int64{2}, "ring: n 2: must lie between 3 and 1048576"},
		{"star", []int64{1}, "star: n 1: must lie between 2 and 1048576"},
		{"mesh", []int64{5000}, "mesh: 12497500 links: at most 4194304"},
		{"grid", []int64{1025, 1024}, "grid: 1049600 nodes: at most 1048576"},
		{"grid", []int64{0, 1}, "grid: rows 0: must lie between 1 and 1048576"},
		{"torus", []int64{2, 9}, "torus: rows 2: must lie between 3 and 1048576"},
		{"tree", []int64{20, 2}, "tree: 2097151 nodes: at most 1048576"},
		{"tree", []int64{1, 1 << 20}, "tree: fan-out 1048576: must lie between 1 and 1048575"},
		{"fat-tree", []int64{3}, "fat-tree: k 3: must be even"},
		{"fat-tree", []int64{160}, "fat-tree: 1056000 nodes: at most 1048576"},
		{"geometric", []int64{5000, 2 * Side, -1}, "geometric: radius 2000000: more than 4194304 links"},
		{"geometric", []int64{5, -1, 5}, "geometric: degree 5: must lie between 0 and 4"},
		{"barabasi-albert", []int64{5, 5}, "barabasi-albert: m 5: must lie between 1 and 4"},
		{"barabasi-albert", []int64{1 << 20, 5}, "barabasi-albert: 5242865 links: at most 4194304"},
		{"ring", nil, "ring: 0 values, want 1"},
	} {
		i := slices.IndexFunc(Generators(), func(g Generator) bool { return g.Name == c.name })
		_, err := Generators()[i].Make(c.values, des.SeedOf(1), "net")
		if err == nil || err.Error() != c.want {
			t.Errorf("%s %v: %v, want %s", c.name, c.values, err, c.want)
		}
	}
}

// TestGeneratorsNameTheirKinds: what the table says is what graphs have.
func TestGeneratorsNameTheirKinds(t *testing.T) {
	values := map[string][]int64{
		"line": {5}, "ring": {5}, "star": {5}, "grid": {3, 3}, "torus": {3, 3}, "tree": {2, 2}, "mesh": {3}, "fat-tree": {4},
		"geometric": {30, 100_000, -1}, "barabasi-albert": {9, 2},
	}
	for _, g := range Generators() {
		s := shapeOf(generate(t, g.Name, des.SeedOf(3), values[g.Name]...))
		for _, c := range []struct {
			want []string
			got  map[string]int
		}{{g.NodeKinds, s.kinds}, {g.LinkKinds, s.linkKinds}} {
			for _, k := range c.want {
				if c.got[k] == 0 {
					t.Errorf("%s: no %s among %v", g.Name, k, c.got)
				}
			}
			if len(c.got) != len(c.want) {
				t.Errorf("%s: kinds %v, want %v", g.Name, c.got, c.want)
			}
		}
	}
}

func TestLargeGraphsAreMade(t *testing.T) {
	if g, err := Grid(256, 512); err != nil || g.Degree(1000) != 4 || len(g.Nodes) != 1<<17 {
		t.Error(err)
	}
	if g, err := GeometricOfDegree(des.SeedOf(1), "net", 1<<14, 3); err != nil || !g.Connected() {
		t.Error(err)
	}
}
