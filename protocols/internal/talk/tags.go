package talk

import (
	"fmt"
	"reflect"
	"testing"

	"example.com/dsim/des"
)

// WantTags checks that the tags of a Config, which the scenario loader reads,
// say what the Config of defaults holds, and that each field has its name and
// its words.
func WantTags(t testing.TB, defaults any) {
	t.Helper()
	v := reflect.ValueOf(defaults)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		got := fmt.Sprint(v.Field(i).Interface())
		if s, ok := v.Field(i).Interface().(des.Sampler); ok {
			if got = s.String(); f.Tag.Get("unit") == "duration" {
				got = des.FormatDuration(s.Min())
			}
		}
		if want := f.Tag.Get("default"); got != want || f.Tag.Get("dsim") == "" || f.Tag.Get("doc") == "" {
			t.Errorf("%s: default %q, tags %s", f.Name, got, f.Tag)
		}
	}
}
