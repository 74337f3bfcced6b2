//go:build !js

package scenarios

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Law 2: 32 or 64 bits, and the family of the processor, change no digest. A
// test binary of this package is built for each, and prints all cases.
func TestDigestAcrossArchitectures(t *testing.T) {
	if testing.Short() {
		t.Skip("builds test binaries; not with -short")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build with")
	}
	want := map[string]string{
		"edges": lawLines(t, lawCases(t), WorldOptions{}),
		"full":  lawLines(t, lawCases(t), WorldOptions{Full: true}),
	}
	for _, c := range []struct {
		name, env string
		runner    func(*testing.T, string) *exec.Cmd
	}{
		{"386", "GOOS=linux GOARCH=386 CGO_ENABLED=0", native386},
		{"arm64", "GOOS=linux GOARCH=arm64 CGO_ENABLED=0", underQemu},
		{"wasm", "GOOS=js GOARCH=wasm CGO_ENABLED=0", underNode},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.runner(t, "") // skips before anything is built
			bin := buildPrinter(t, nil, strings.Fields(c.env)...)
			for _, how := range []string{"edges", "full"} {
				run := c.runner(t, bin)
				wantSame(t, c.env+" "+how, want[how], printDigests(t, how, run))
			}
		})
	}
}

// native386 runs a binary of 32 bits on a processor of 64.
func native386(t *testing.T, bin string) *exec.Cmd {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" && runtime.GOARCH != "386" {
		t.Skip("386 binaries run on Linux on amd64 only, this is " + runtime.GOOS + "/" + runtime.GOARCH)
	}
	return exec.Command(bin)
}

// underQemu runs an arm64 binary, emulated where this machine is another.
func underQemu(t *testing.T, bin string) *exec.Cmd {
	if runtime.GOOS == "linux" && runtime.GOARCH == "arm64" {
		return exec.Command(bin)
	}
	if _, err := exec.LookPath("qemu-aarch64-static"); err != nil || runtime.GOOS != "linux" {
		t.Skip("qemu-aarch64-static is not here; Debian has it in qemu-user-static")
	}
	return exec.Command("qemu-aarch64-static", bin)
}

// underNode runs a WebAssembly binary.
func underNode(t *testing.T, bin string) *exec.Cmd {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not here; Debian has it in nodejs")
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	lib := filepath.Join(string(bytes.TrimSpace(root)), "lib", "wasm")
	cmd := exec.Command("node", "--stack-size=8192", filepath.Join(lib, "wasm_exec_node.js"), bin)
	// Node hands its environment to the binary, which bounds how long it may be.
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	return cmd
}
