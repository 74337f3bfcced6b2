package scenarios

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/dsim/scenarios/internal/yamlx"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write the golden files and the schema anew")

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; after a look, go test ./scenarios -update (-want +got):\n%s", path, diff)
	}
}

type badCase struct {
	name string
	text []byte
}

// badCases are the scenarios of bad.txtar, and those that cannot be written
// there.
func badCases(t *testing.T) []badCase {
	t.Helper()
	all, err := os.ReadFile("testdata/bad.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var list []badCase
	for _, part := range strings.Split(string(all), "\n-- ")[1:] {
		name, text, _ := strings.Cut(part, " --\n")
		list = append(list, badCase{name, []byte(strings.TrimSuffix(text, "\n") + "\n")})
	}
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), ", "))
	}
	return append(list,
		badCase{"not-utf8.yaml", []byte("version: 1\nname: caf\xe9\n")},
		badCase{"utf16.yaml", []byte("\xff\xfev\x00e\x00")},
		badCase{"control.yaml", []byte("version: 1\nname: a\x00b\n")},
		badCase{"huge.yaml", []byte("version: 1\n" + strings.Repeat("# 0123456789abcdef\n", 60_000))},
		badCase{"deep.yaml", []byte("version: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\n")},
		badCase{"very-deep.yaml", []byte(strings.Repeat("[", 200_000))},
		badCase{"bomb.yaml", []byte(bomb.String())},
		badCase{"long-key.yaml", []byte("version: 1\n" + strings.Repeat("k", 5000) + ": 1\n")},
		badCase{"long-condition.yaml", []byte("version: 1\nname: x\ncells: {a: {protocol: mute}}\nrun: {until: 1s}\nexpect: [{always: '" + strings.Repeat("(", 4097) + "'}]\n")},
	)
}

func load(name string, text []byte) (*Scenario, error) {
	src, err := Parse(name, text)
	if err != nil {
		return nil, err
	}
	return src.Build(BuildOptions{Registry: testRegistry()})
}

var positioned = regexp.MustCompile(`^[^:]+\.yaml:\d+:\d+: [a-z0-9"].*[^.]$`)

func TestBadScenariosAreRefusedWithWhatIsAllowed(t *testing.T) {
	check := compileSchema(t, testRegistry())
	var out strings.Builder
	for _, c := range badCases(t) {
		_, err := load(c.name, c.text)
		var errs *Errors
		if !errors.As(err, &errs) {
			t.Errorf("%s: %v, want *Errors", c.name, err)
			continue
		}
		verdict := "not asked"
		if root, bad := yamlx.Parse(c.name, c.text); bad == nil {
			verdict = "accepts"
			if check.Validate(instance(root)) != nil {
				verdict = "refuses"
			}
		}
		fmt.Fprintf(&out, "# %s, the schema: %s\n%v\n", strings.TrimSuffix(c.name, ".yaml"), verdict, err)
		for _, e := range errs.List {
			if line := e.Error(); !positioned.MatchString(line) || len(line) > 700 {
				t.Errorf("%s: not of the form file:line:column: what is wrong: %.200s", c.name, line)
			}
		}
		if !slices.IsSortedFunc(errs.List, func(a, b Error) int { return a.Line - b.Line }) {
			t.Errorf("%s: not in the order of the file", c.name)
		}
	}
	golden(t, "testdata/bad.golden", out.String())
}

// structural are errors that an editor with the schema shows too.
var structural = regexp.MustCompile(`: (scenario|run|expect|flap|cut|heal|restart|partition|apply|kinds|defaults)[^ ]*: (unknown key|[a-z]+ is missing)|has no value$|: want a map`)

func TestSchemaRefusesWhatIsStructurallyWrong(t *testing.T) {
	check := compileSchema(t, testRegistry())
	n := 0
	for _, c := range badCases(t) {
		root, bad := yamlx.Parse(c.name, c.text)
		if bad != nil {
			continue
		}
		if _, err := load(c.name, c.text); !structural.MatchString(err.Error()) {
			continue
		}
		n++
		if check.Validate(instance(root)) == nil {
			_, err := load(c.name, c.text)
			t.Errorf("%s: the schema accepts what the loader refuses:\n%v", c.name, err)
		}
	}
	if n < 12 {
		t.Errorf("only %d structural cases", n)
	}
}

// TestSchemaIsNotStricterThanTheLoader: editors must not complain about what
// runs.
func TestSchemaIsNotStricterThanTheLoader(t *testing.T) {
	check := compileSchema(t, testRegistry())
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		src, err := Load(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := src.Build(BuildOptions{Registry: testRegistry()}); err != nil {
			t.Error(err)
		}
		if err := check.Validate(instance(src.root)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestShippedScenariosAgreeWithTheSchema holds for the shipped files what the
// one above holds for those of the tests.
func TestShippedScenariosAgreeWithTheSchema(t *testing.T) {
	check := compileSchema(t, Default)
	files, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	more, _ := filepath.Glob("*/*.yaml")
	for _, path := range append(files, more...) {
		if strings.HasPrefix(path, "testdata") {
			continue
		}
		src, err := Load(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := src.Build(BuildOptions{}); err != nil {
			t.Error(err)
		}
		if err := check.Validate(instance(src.root)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestSchemaFileIsOfTheseTables(t *testing.T) {
	text, err := Schema(Default)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, SchemaFile, string(text))
}

func compileSchema(t *testing.T, reg *Registry) *jsonschema.Schema {
	t.Helper()
	text, err := Schema(reg)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(SchemaFile, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(SchemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$`)

// instance is a tree as an editor sees it: plain scalars that look like
// numbers, truth values or nothing are that.
func instance(n *yamlx.Node) any {
	switch n.Kind {
	case yamlx.Map:
		m := make(map[string]any, len(n.Pairs))
		for _, p := range n.Pairs {
			m[p.Key.Text] = instance(p.Value)
		}
		return m
	case yamlx.List:
		list := make([]any, len(n.Items))
		for i, item := range n.Items {
			list[i] = instance(item)
		}
		return list
	}
	switch {
	case n.Quoted:
		return n.Text
	case n.IsNull():
		return nil
	case n.Text == "true" || n.Text == "false":
		return n.Text == "true"
	case jsonNumber.MatchString(n.Text):
		return json.Number(n.Text)
	}
	return n.Text
}
