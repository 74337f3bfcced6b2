package simtest

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/dsim/des"
)

// Seeds that failed are kept in testdata/dsim/TEST.seeds, one a line, and run
// first. The file is text, to be committed with the fix.

var keeping sync.Mutex

// keptMax bounds the seeds that are kept for one test.
const keptMax = 100

func keptFile(test string) string {
	test, _, _ = strings.Cut(test, "/seed=")
	return filepath.Join("testdata", "dsim", strings.ReplaceAll(test, "/", "-")+".seeds")
}

// kept are the seeds that failed before.
func kept(test string) ([]des.Seed, error) {
	f, err := os.Open(keptFile(test))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("kept seeds: %w", err)
	}
	defer f.Close()
	var seeds []des.Seed
	in := bufio.NewScanner(f)
	for line := 1; in.Scan(); line++ {
		text, _, _ := strings.Cut(in.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		s, err := des.ParseSeed(text)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", keptFile(test), line, err)
		}
		if !slices.Contains(seeds, s) && len(seeds) < keptMax {
			seeds = append(seeds, s)
		}
	}
	return seeds, in.Err()
}

// keep adds a seed to those that failed. Under go test's own fuzzing, and where
// there is no testdata to write to, nothing is kept.
func keep(test string, seed des.Seed) error {
	if !testing.Testing() || os.Getenv("DSIM_KEEP") == "off" {
		return nil
	}
	keeping.Lock()
	defer keeping.Unlock()
	had, err := kept(test)
	if err != nil || slices.Contains(had, seed) || len(had) >= keptMax {
		return err
	}
	file := keptFile(test)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("# Seeds that failed once. They run first; remove a line when it has served.\n")
	for _, s := range append(had, seed) {
		fmt.Fprintln(&b, s)
	}
	tmp := file + ".new"
	if err := os.WriteFile(tmp, []byte(b.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, file)
}
