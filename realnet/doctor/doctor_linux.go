package doctor

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

func examine() []Finding {
	var all []Finding
	all = append(all, unixSockets()...)
	all = append(all, loopback(), descriptors(), processes())
	all = append(all, namespaces()...)
	all = append(all, rawEthernet(), rawICMP(), tap(), ipv6())
	all = append(all, interfaces()...)
	return append(all, clocks()...)
}

// setting reads a number of the kernel's, false if there is none.
func setting(path string) (int64, bool) {
	b, err := os.ReadFile("/proc/sys/" + path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil
}

// Capabilities, by their numbers in the kernel.
const (
	capNetAdmin = 12
	capNetRaw   = 13
)

// capable tells whether this process has a capability now.
func capable(number uint) bool {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, "CapEff:"); ok {
			mask, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64)
			return err == nil && mask>>number&1 == 1
		}
	}
	return false
}

// give is what gives the command a capability.
func give(name string) []string {
	return []string{
		"run it as root, or once: setcap " + strings.ToLower(name) + "+ep $(command -v dsim)",
		"or inside a namespace of one's own: unshare -Urn dsim …",
	}
}
