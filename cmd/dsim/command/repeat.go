package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
)

// builtToRun finds where go run puts a program: a folder of its own when it has
// just linked it, the build cache, wherever that lies, when it did so before.
var builtToRun = regexp.MustCompile(`/go-build|/[0-9a-f]{2}/[0-9a-f]{64}-d/`)

// self is how the user started this program, as one can start it again.
func self() string {
	called := os.Args[0]
	if builtToRun.MatchString(filepath.ToSlash(called)) {
		return "go run " + ownPackage()
	}
	if found, err := exec.LookPath(filepath.Base(called)); err == nil && (called == filepath.Base(called) || found == called) {
		return filepath.Base(called)
	}
	return quote(called)
}

// ownPackage is the package of the running program, as go run takes it in the folder
// of its module.
func ownPackage() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Path == "" {
		return "./cmd/dsim"
	}
	path := strings.TrimSuffix(info.Path, ".test")
	if path == module+"/cmd/dsim/command" { // the tests of this package are dsim
		path = module + "/cmd/dsim"
	}
	if own, ok := strings.CutPrefix(path, info.Main.Path); ok && (own == "" || own[0] == '/') {
		return "." + own
	}
	return quote(path)
}

// repeat is the command that repeats one run.
func (o *runFlags) repeat(file, seed string) string {
	words := []string{self(), "run", quote(file), "--seed", seed}
	for _, s := range o.set {
		words = append(words, "--set", quote(s))
	}
	if o.until != "" {
		words = append(words, "--until", o.until)
	}
	if o.digest == "full" {
		words = append(words, "--digest=full")
	}
	return strings.Join(words, " ")
}

// quote makes one word for a shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./=:,@%+", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
