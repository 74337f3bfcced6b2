package yamlx

import (
	"strings"
	"testing"
)

// Conditions hold brackets and quotes, which end a plain value within { }: who
// forgets to quote one is told to.
func TestUnquotedValuesAreTold(t *testing.T) {
	text := "a: 1\nexpect:\n  - {sometimes: links.ab[\"b->a\"].cut > 0}\n  - {always: x}\n"
	_, errs := Parse("x.yaml", []byte(text))
	if len(errs) != 1 || errs[0].Pos.String() != "x.yaml:3:17" || !strings.Contains(errs[0].Msg, "written in quotes") {
		t.Errorf("%v, want a hint to quote the value at x.yaml:3:17", errs)
	}
	if _, errs := Parse("x.yaml", []byte(strings.ReplaceAll(strings.ReplaceAll(text, "links", "'links"), "0}", "0'}"))); len(errs) > 0 {
		t.Errorf("quoted, it is %v", errs)
	}
	for _, open := range []string{"a: {b: 1\nc: 2\n", "a: {b: {c: d}\ne: 2\n", "a: {b: [c, d]\ne: 2\n"} {
		if _, errs := Parse("x.yaml", []byte(open)); len(errs) != 1 || strings.Contains(errs[0].Msg, "quotes") {
			t.Errorf("%v: want no such hint where nothing is to be quoted", errs)
		}
	}
}
