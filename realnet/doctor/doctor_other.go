//go:build !linux

package doctor

import "runtime"

func release() string { return "" }

func examine() []Finding {
	return append(clocks(), Finding{
		Topic: "sockets and namespaces", Level: Limited,
		Found: "this is " + runtime.GOOS + ": only Linux is examined",
		For:   "live runs; virtual runs need none of it",
		Do:    []string{"run cells on Linux"},
	})
}
