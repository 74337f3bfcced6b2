package conform

import (
	"strconv"
	"strings"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// plainDrop reads the verdict of a link that only drops: "drop:mtu".
func plainDrop(text string) (string, bool) { return strings.CutPrefix(text, "drop:") }

// WireDrop is what a verdict begins with that says that a real socket did not
// take a frame.
const WireDrop = "wire:"

func wireDrop(text string) (string, bool) { return strings.CutPrefix(text, WireDrop) }
