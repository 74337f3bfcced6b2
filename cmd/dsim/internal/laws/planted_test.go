package laws

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	wantComment = regexp.MustCompile(`// want (.+)$`)
	quoted      = regexp.MustCompile("`([^`]+)`")
)

// TestBansCatchPlanted runs the checks over the files of testdata/planted. A
// line that breaks a law says so, "// want `part of the violation`", once for
// each violation; other lines break none.
func TestBansCatchPlanted(t *testing.T) {
	tr, err := loadTree()
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join("testdata", "planted", "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no planted files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".go"), func(t *testing.T) {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			room := "links"
			if m := regexp.MustCompile(`(?m)^// planted in (\S+)$`).FindSubmatch(src); m != nil {
				room = string(m[1])
			}
			c, err := tr.check(module+"/"+room, []string{path})
			if err != nil {
				t.Fatal(err)
			}
			wantViolations(t, src, append(checkBans(c), checkWall(c)...))
		})
	}
}

// wantViolations compares what was found in src with what its comments say.
func wantViolations(t *testing.T, src []byte, found []violation) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(src))
	for n := 1; lines.Scan(); n++ {
		m := wantComment.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		for _, q := range quoted.FindAllStringSubmatch(m[1], -1) {
			i := slices.IndexFunc(found, func(v violation) bool { return v.line == n && strings.Contains(v.text, q[1]) })
			if i < 0 {
				t.Errorf("line %d: not caught: %s", n, q[1])
				continue
			}
			found = slices.Delete(found, i, i+1)
		}
	}
	for _, v := range found {
		t.Errorf("line %d: caught, but it breaks nothing: %s", v.line, v.text)
	}
}
