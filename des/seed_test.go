package des

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const aCommit = "65cc6c9f1d2e3a4b5c6d7e8f90a1b2c3d4e5f607"

func TestParseSeed(t *testing.T) {
	for in, want := range map[string]string{
		"0":                      "0",
		"42":                     "42",
		"007":                    "7",
		"0x2a":                   "42",
		"0xFFffFFffFFffFFff":     "18446744073709551615",
		"18446744073709551615":   "18446744073709551615",
		aCommit:                  aCommit,
		strings.ToUpper(aCommit): aCommit,
		strings.Repeat("1", 40):  strings.Repeat("1", 40), // a commit, though all are decimal digits
		strings.Repeat("0", 40):  strings.Repeat("0", 40),
	} {
		s, err := ParseSeed(in)
		if err != nil || s.String() != want {
			t.Errorf("ParseSeed(%q) = %s, %v; want %s", in, s, err, want)
		}
	}
	for _, in := range []string{
		"", " 1", "-1", "+1", "1_000", "1.0", "1e3", "0x", "0X2a", "0x10000000000000000", "18446744073709551616",
		"abc", aCommit[:39], aCommit + "0", "0x" + aCommit, aCommit[:39] + "g",
	} {
		if s, err := ParseSeed(in); err == nil {
			t.Errorf("ParseSeed(%q) = %s, want an error", in, s)
		} else if !strings.Contains(err.Error(), "40 hexadecimal digits") {
			t.Errorf("ParseSeed(%q): %v does not say what is allowed", in, err)
		}
	}
}

func TestSeedsCompare(t *testing.T) {
	if (Seed{}) != SeedOf(0) {
		t.Error("the zero Seed is not seed 0")
	}
	zeros, _ := ParseSeed(strings.Repeat("0", 40))
	if zeros == SeedOf(0) {
		t.Error("a commit equals a number")
	}
	a, b := zeros.Rand("a", 0, "p"), SeedOf(0).Rand("a", 0, "p")
	if a.Uint64() == b.Uint64() {
		t.Error("a commit and a number key the same stream")
	}
}

func TestSeedRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(
			rapid.StringMatching(`[0-9]{1,19}`),
			rapid.StringMatching(`0x[0-9a-fA-F]{1,16}`),
			rapid.StringMatching(`[0-9a-f]{40}`),
		).Draw(t, "seed")
		s, err := ParseSeed(in)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := s.MarshalText()
		var back Seed
		if err := back.UnmarshalText(text); err != nil || back != s {
			t.Fatalf("%s came back as %s, %v", s, back, err)
		}
	})
}

// Names are kept apart by their lengths: no two lists of names key one stream.
func TestNamesAreKeptApart(t *testing.T) {
	s := SeedOf(1)
	type name struct {
		entity      string
		incarnation uint32
		purpose     string
	}
	seen := make(map[Rand]name)
	for _, n := range []name{
		{"ab", 0, "c"},
		{"a", 0, "bc"},
		{"abc", 0, ""},
		{"", 0, "abc"},
		{"ab", 1, "c"},
		{"ab", 256, "c"},
		{"ab\x00\x00\x00\x04\x00\x00\x00\x00", 0, ""},
		{"c", 0, "ab"},
		{"a/b", 0, "c"},
		{"a", 0, "b/c"},
	} {
		r := s.Rand(n.entity, n.incarnation, n.purpose)
		if o, ok := seen[r]; ok {
			t.Errorf("%v and %v key one stream", n, o)
		}
		seen[r] = n
	}
	if s.Hash("ab", "c") == s.Hash("a", "bc") || s.Hash("a") == s.Hash("a", "") || s.Hash() == s.Hash("") {
		t.Error("two lists of parts have one hash")
	}
	if s.Hash("a") == SeedOf(2).Hash("a") {
		t.Error("the hash does not depend on the seed")
	}
}

func FuzzParseSeed(f *testing.F) {
	for _, s := range []string{"0", "0x2a", aCommit, "18446744073709551616", "-1", "0x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, err := ParseSeed(in)
		if err != nil {
			return
		}
		if back, err := ParseSeed(s.String()); err != nil || back != s {
			t.Fatalf("%q: %s came back as %s, %v", in, s, back, err)
		}
	})
}
