package scenarios

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const referenceFile = "../docs/handbook/reference.md"

func TestReferenceIsOfTheseTables(t *testing.T) {
	want := Reference(shipped())
	if *update {
		if err := os.WriteFile(referenceFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatalf("%v; go generate ./scenarios writes it", err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s is not what the loader knows; go generate ./scenarios (-want +got):\n%s", referenceFile, d)
	}
}
