package topology

import (
	"reflect"
	"slices"
	"testing"

	"example.com/dsim/des"
	"pgregory.net/rapid"
)

func TestSameSeedSameGraphAnotherSeedAnother(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []int64
	}{{"geometric", []int64{60, 150_000, -1}}, {"geometric", []int64{60, -1, 5}}, {"barabasi-albert", []int64{60, 2}}} {
		a, again, other := generate(t, c.name, des.SeedOf(1), c.values...), generate(t, c.name, des.SeedOf(1), c.values...), generate(t, c.name, des.SeedOf(2), c.values...)
		if !reflect.DeepEqual(a, again) {
			t.Errorf("%s: the same seed gave another graph", c.name)
		}
		if slices.Equal(a.Links, other.Links) {
			t.Errorf("%s: another seed gave the same graph", c.name)
		}
	}
	a, err := BarabasiAlbert(des.SeedOf(1), "east", 60, 2)
	if b := generate(t, "barabasi-albert", des.SeedOf(1), 60, 2); err != nil || slices.Equal(a.Links, b.Links) {
		t.Errorf("another name gave the same graph, or %v", err)
	}
}

// TestAnotherNodeMovesNone: what is drawn for a node does not depend on how
// many follow.
func TestAnotherNodeMovesNone(t *testing.T) {
	few, more := generate(t, "geometric", des.SeedOf(4), 20, 1000, -1), generate(t, "geometric", des.SeedOf(4), 21, 1000, -1)
	if !slices.Equal(few.Nodes, more.Nodes[:20]) {
		t.Error("geometric: a node more moved others")
	}
	few, more = generate(t, "barabasi-albert", des.SeedOf(4), 20, 3), generate(t, "barabasi-albert", des.SeedOf(4), 21, 3)
	kept := slices.DeleteFunc(slices.Clone(more.Links), func(l Link) bool { return l.Ends[1].Node == 20 })
	names := func(list []Link) (out []string) {
		for _, l := range list {
			out = append(out, l.Name)
		}
		return out
	}
	if !slices.Equal(names(few.Links), names(kept)) {
		t.Error("barabasi-albert: a node more moved others")
	}
}

// TestGeometricIsWhatItSays: links join all pairs within the radius, bridges
// none of them, and the bridges are a shortest way to make it one.
func TestGeometricIsWhatItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, radius := rapid.Int64Range(1, 40).Draw(t, "n"), rapid.Int64Range(0, 400_000).Draw(t, "radius")
		g, err := Geometric(des.SeedOf(rapid.Uint64().Draw(t, "seed")), "net", n, radius)
		if err != nil {
			t.Fatal(err)
		}
		if !g.Connected() {
			t.Fatal("is in pieces")
		}
		joined := make(map[[2]int32]string)
		for _, l := range g.Links {
			joined[[2]int32{l.Ends[0].Node, l.Ends[1].Node}] = l.Kind
		}
		square := func(i, j int32) int64 {
			dx, dy := g.Nodes[i].X-g.Nodes[j].X, g.Nodes[i].Y-g.Nodes[j].Y
			return dx*dx + dy*dy
		}
		near, bridges := newSets(int(n)), 0
		for i := range int32(n) {
			for j := i + 1; j < int32(n); j++ {
				kind := joined[[2]int32{i, j}]
				if want := square(i, j) <= radius*radius; want != (kind == "link") {
					t.Fatalf("%d and %d: joined by %q, within the radius: %v", i, j, kind, want)
				}
				if kind == "link" {
					near.join(i, j)
				}
				if kind == "bridge" {
					bridges++
				}
			}
		}
		if bridges != near.n-1 {
			t.Fatalf("%d bridges between %d pieces", bridges, near.n)
		}
		// Cut property: without a bridge, no pair between the two halves is nearer.
		for k, l := range g.Links {
			if l.Kind != "bridge" {
				continue
			}
			without := newSets(int(n))
			for j, m := range g.Links {
				if j != k {
					without.join(m.Ends[0].Node, m.Ends[1].Node)
				}
			}
			for i := range int32(n) {
				for j := range i {
					if without.find(i) != without.find(j) && square(i, j) < square(l.Ends[0].Node, l.Ends[1].Node) {
						t.Fatalf("bridge %s is longer than %d to %d", l.Name, i, j)
					}
				}
			}
		}
	})
}

func TestDegreeAskedForIsAboutTheDegreeThere(t *testing.T) {
	for _, want := range []int64{4, 8, 16} {
		g := generate(t, "geometric", des.SeedOf(9), 4000, -1, want)
		links := 0
		for _, l := range g.Links {
			if l.Kind == "link" {
				links++
			}
		}
		if mean := float64(2*links) / 4000; mean < float64(want)*0.9 || mean > float64(want)*1.05 {
			t.Errorf("degree %d: the mean is %.2f", want, mean)
		}
	}
}

func TestBarabasiAlbertGrowsByPreference(t *testing.T) {
	for _, m := range []int{1, 2, 5} {
		const n = 2000
		g := generate(t, "barabasi-albert", des.SeedOf(5), n, int64(m))
		if want := m*(m+1)/2 + (n-m-1)*m; len(g.Links) != want || !g.Connected() {
			t.Errorf("m %d: %d links, want %d", m, len(g.Links), want)
		}
		wantSound(t, "barabasi-albert", g)
		most, least := 0, n
		for i := range g.Nodes {
			most, least = max(most, g.Degree(i)), min(least, g.Degree(i))
		}
		// With equal chances the largest degree is about m·ln n; with preference
		// about m·√n.
		if least != m || most < 8*m {
			t.Errorf("m %d: degrees from %d to %d", m, least, most)
		}
	}
}
