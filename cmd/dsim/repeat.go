package main

import (
	"os"
	"path/filepath"
	"strings"
)

// self is how the user started this program.
func self() string {
	exe, err := os.Executable()
	if err == nil && strings.Contains(filepath.ToSlash(exe), "/go-build") {
		return "go run ./cmd/dsim"
	}
	return "dsim"
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
