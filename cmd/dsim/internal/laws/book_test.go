package laws

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// lawBook is the handbook's list of laws, each with the tests that enforce it.
const lawBook = "docs/laws.md"

var (
	testInBook = regexp.MustCompile("`(?:([a-z0-9/]+)\\.)?((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	testInCode = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
)

// TestBookNamesTestsThatExist reads the book of laws: `links.TestX` is a test
// of package links, and a test that was renamed is named anew there.
func TestBookNamesTestsThatExist(t *testing.T) {
	tr, err := loadTree()
	if err != nil {
		t.Fatal(err)
	}
	book, err := os.ReadFile(filepath.Join(tr.root, lawBook))
	if err != nil {
		t.Fatal(err)
	}
	exist, err := testNames(tr.root)
	if err != nil {
		t.Fatal(err)
	}
	report(t, missingTests(book, exist))
}

// missingTests gives the tests that book names and exist does not hold.
func missingTests(book []byte, exist map[string]bool) []violation {
	var vs []violation
	for i, l := range strings.Split(string(book), "\n") {
		for _, m := range testInBook.FindAllStringSubmatch(l, -1) {
			if name := m[1] + "." + m[2]; !exist[name] {
				vs = append(vs, violation{lawBook, i + 1, "there is no test " + name})
			}
		}
	}
	return vs
}

// testNames gives all tests below root, as "links.TestX": a package in a
// folder is named by its path.
func testNames(root string) (map[string]bool, error) {
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") && p != root {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(p))
		if err != nil {
			return err
		}
		for _, m := range testInCode.FindAllSubmatch(src, -1) {
			names[filepath.ToSlash(rel)+"."+string(m[1])] = true
		}
		return nil
	})
	return names, err
}

func TestBookCatchesPlanted(t *testing.T) {
	exist := map[string]bool{"links.TestFIFO": true, "cmd/dsim/internal/laws.TestTidy": true}
	book := []byte("# Laws\n\n## 1. Kept\n\n`links.TestFIFO`, `cmd/dsim/internal/laws.TestTidy`\n\n## 2. Gone\n\n`links.TestLIFO`\n")
	vs := missingTests(book, exist)
	var b bytes.Buffer
	for _, v := range vs {
		b.WriteString(v.String() + "\n")
	}
	want := "docs/laws.md:9: there is no test links.TestLIFO\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
