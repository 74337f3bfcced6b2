package links

import (
	"flag"
	"testing"
)

var long = flag.Bool("long", false, "run the long forms of tests")

// measures marks a test that takes many samples. The race detector, under which
// they take many times as long, has nothing to find in them: nothing runs at
// the same time.
func measures(t *testing.T) {
	if raced && !*long {
		t.Skip("many samples: without -race, or with -long")
	}
}
