package shrink

import (
	"bytes"
	"fmt"
	"go/format"
	"strings"
	"unicode"
)

// testLinesMax bounds the Go test.
const testLinesMax = 30

// testFrame is how many of these lines are not of the world.
const testFrame = 13

// Test is a Go test that fails as long as the world does, and passes once it
// does not: a whole file of a package, with the world in it. If that would be
// longer than 30 lines, or cannot be written so, the test reads the world from
// the repro file of the name beside it.
func (r *Result) Test(pkg, file string) ([]byte, error) {
	text, err := r.unmeantText()
	if err != nil {
		return nil, err
	}
	kept := r.File("")
	kept.World.Text, kept.World.Name, kept.Remarks, kept.Digest = text, "", nil, 0
	world := string(kept.Encode())
	call := "reprotest.Text(t, nil, `" + world + "`)"
	if strings.Contains(world, "`") || strings.Count(call, "\n") > testLinesMax-testFrame {
		call = fmt.Sprintf("reprotest.Gone(t, nil, %q)", file)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "package %s\n\nimport (\n\t\"testing\"\n\n\t\"example.com/dsim/fuzz/reprotest\"\n)\n\n", pkg)
	fmt.Fprintf(&b, "// %s\n// %s\n", strings.Join(strings.Fields(r.Failed.Failure.Text), " "), r.telling())
	fmt.Fprintf(&b, "func %s(t *testing.T) {\n\t%s\n}\n", testName(r.Signature.Property), call)
	return format.Source(b.Bytes())
}

// telling is what says most of what it depends on.
func (r *Result) telling() string {
	if len(r.Neighbours) == 0 {
		return r.After.String() + "."
	}
	return r.Neighbours[0].String() + "."
}

// testName makes a test's name of a property: abp/exactly-once becomes
// TestAbpExactlyOnce.
func testName(property string) string {
	var b strings.Builder
	b.WriteString("Test")
	up := true
	for _, c := range property {
		switch {
		case c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c):
			up = true
			continue
		case up:
			c = unicode.ToUpper(c)
		}
		up = false
		if b.Len() < 60 {
			b.WriteRune(c)
		}
	}
	if b.Len() == len("Test") {
		b.WriteString("World")
	}
	return b.String()
}
