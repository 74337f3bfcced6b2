package yamlx

import (
	"strings"
	"testing"
)

func TestNodesKnowWhereTheyAre(t *testing.T) {
	root, errs := Parse("x.yaml", []byte("a: &x {b: \"0x10\", ü: 1_000}\nlist:\n  - ~\n  - *x\n"))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	b := root.Get("a").Get("b")
	if got := b.Pos.String(); got != "x.yaml:1:11" || b.Text != "0x10" || !b.Quoted {
		t.Errorf("b: %s %q quoted=%v", got, b.Text, b.Quoted)
	}
	if u := root.Get("a").Key("ü"); u.Pos.Column != 19 {
		t.Errorf("ü at column %d, want 19: columns count characters", u.Pos.Column)
	}
	list := root.Get("list")
	if list.Kind != List || !list.Items[0].IsNull() || list.Items[1].Get("ü").Text != "1_000" {
		t.Errorf("list: %+v", list)
	}
	if list.Items[1] == root.Get("a") {
		t.Error("an alias shares its node: a change of one would change the other")
	}
	if root.Get("none").Get("none") != nil || root.Get("none").IsNull() {
		t.Error("what is not there is nil all the way down")
	}
}

func TestCloneIsDeep(t *testing.T) {
	root, _ := Parse("x.yaml", []byte("a: {b: 1}\nc: [2]\n"))
	c := root.Clone()
	c.Get("a").Put(&Node{Kind: Scalar, Text: "b"}, &Node{Kind: Scalar, Text: "9"})
	c.Get("c").Items[0].Text = "9"
	if root.Get("a").Get("b").Text != "1" || root.Get("c").Items[0].Text != "2" {
		t.Error("a change of the clone reached the original")
	}
}

func TestBounds(t *testing.T) {
	deep := strings.Repeat("[", DepthMax) + strings.Repeat("]", DepthMax)
	if _, errs := Parse("x.yaml", []byte(deep)); len(errs) > 0 {
		t.Error(errs)
	}
	if _, errs := Parse("x.yaml", []byte("["+deep+"[]]")); len(errs) == 0 {
		t.Error("too deep, and accepted")
	}
	if _, errs := Parse("x.yaml", []byte(strings.Repeat(" ", SizeMax)+"a")); len(errs) == 0 {
		t.Error("too large, and accepted")
	}
}

func FuzzParseNeverPanics(f *testing.F) {
	f.Add([]byte("a: [1, {b: *x}]\n--- &x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		root, errs := Parse("x.yaml", text)
		if (root == nil) != (len(errs) > 0) {
			t.Errorf("%v, %v", root, errs)
		}
	})
}
