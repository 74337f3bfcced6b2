package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"example.com/dsim/fuzz/power/internal/corpus"
	"example.com/dsim/fuzz/repro"
)

// row is what came of one bug.
type row struct {
	Bug     string    `json:"bug"`
	Kind    string    `json:"kind"`
	Key     string    `json:"key"` // of all that the row was made of, but the sources
	Search  *searched `json:"search,omitempty"`
	Healthy string    `json:"healthy,omitempty"` // what becomes of the found world without the bug
	Shrink  *shrunk   `json:"shrink,omitempty"`
	Test    *tested   `json:"test,omitempty"`
	Plain   *searched `json:"plain,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// tested is how often the Go test did what it should.
type tested struct {
	Times  int `json:"times"`
	Failed int `json:"failed_with_bug"`
	Passed int `json:"passed_without"`
}

// found reports whether a failure was found in time, and is the bug's.
func (r *row) found() bool {
	return r.Search != nil && r.Search.Found && r.Healthy == string(repro.Fixed)
}

// bench is where bugs are measured.
type bench struct {
	root                  string // the module's folder
	search, shrink, plain time.Duration
	times                 int // the Go test is run
}

// key tells rows of other bugs, scenarios and settings apart.
func (b *bench) key(bug *corpus.Bug) (string, error) {
	text, err := os.ReadFile(filepath.Join(b.root, filepath.FromSlash(bug.Scenario)))
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, b.search, b.shrink, b.plain, b.times, bug.Name, bug.Files)
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// measure builds a bug and lets it be looked for. What goes wrong is part of
// the row; only the end of ctx is an error.
func (b *bench) measure(ctx context.Context, bug *corpus.Bug) (*row, error) {
	r := &row{Bug: bug.Name, Kind: bug.Kind}
	err := b.fill(ctx, bug, r)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		r.Error = err.Error()
	}
	return r, nil
}

func (b *bench) fill(ctx context.Context, bug *corpus.Bug, r *row) (err error) {
	if r.Key, err = b.key(bug); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "power")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	over, err := bug.Overlay(dir, b.root)
	if err != nil {
		return err
	}
	worker := filepath.Join(dir, "worker")
	if err := b.build(ctx, "build", over, worker, "./fuzz/power"); err != nil {
		return err
	}
	if err := b.ask(ctx, worker, &task{bug.Scenario, dir, b.search, b.shrink, b.plain}, r); err != nil {
		return err
	}
	if r.Search == nil || !r.Search.Found {
		return nil
	}
	if r.Healthy, err = healthy(ctx, filepath.Join(dir, foundFile)); err != nil || r.Shrink == nil {
		return err
	}
	r.Test = &tested{Times: b.times}
	if _, r.Test.Failed, err = b.test(ctx, dir, over); err != nil {
		return fmt.Errorf("with the bug: %w", err)
	}
	if r.Test.Passed, _, err = b.test(ctx, dir, ""); err != nil {
		return fmt.Errorf("without the bug: %w", err)
	}
	return nil
}

// healthy is what becomes of a failure in this very program, which has no bug
// in it. A world that was kept is gone even if frames that it names are not sent
// any more.
func healthy(ctx context.Context, path string) (string, error) {
	f, err := repro.Load(path)
	if err != nil {
		return "", err
	}
	c, err := f.Check(ctx, repro.Options{})
	if err != nil {
		return "", err
	}
	if c.Status == repro.DoesNotApply && c.Outcome != nil && c.Outcome.Find(f.Signature) == nil {
		return string(repro.Fixed), nil
	}
	return string(c.Status), nil
}

// build builds a package of the module, with an overlay if there is one.
func (b *bench) build(ctx context.Context, verb, over, to, pkg string) error {
	args := strings.Fields(verb)
	if over != "" {
		args = append(args, "-overlay", over)
	}
	c := exec.CommandContext(ctx, "go", append(args, "-buildvcs=false", "-ldflags=-s -w", "-o", to, pkg)...)
	c.Dir = b.root
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: does not build: %w: %s", pkg, err, bytes.TrimSpace(out))
	}
	return nil
}

// patience is how much longer than its processor time a task may take on a
// machine that does other things too, before it counts as one that hangs.
const patience = 8

// ask gives a program a task, and puts its answers into a row.
func (b *bench) ask(ctx context.Context, worker string, t *task, r *row) error {
	in, err := json.Marshal(t)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, patience*(t.Search+t.Shrink+t.Plain+10*time.Second))
	defer cancel()
	c := exec.CommandContext(limited, worker, "-worker")
	var out, complaint bytes.Buffer
	c.Dir, c.Stdin, c.Stdout, c.Stderr = b.root, bytes.NewReader(in), &out, &complaint
	// One thing at a time: so that processor time is that of the task.
	c.Env = append(os.Environ(), "GOMAXPROCS=1")
	ended := c.Run()
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			return err
		}
		switch {
		case a.Search != nil:
			r.Search = a.Search
		case a.Shrink != nil:
			r.Shrink = a.Shrink
		case a.Plain != nil:
			r.Plain = a.Plain
		default:
			return errors.New(a.Error)
		}
	}
	if limited.Err() != nil {
		return fmt.Errorf("not over after %s", patience*(t.Search+t.Shrink+t.Plain+10*time.Second))
	}
	if ended != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n")
		return fmt.Errorf("%w: %s", ended, first)
	}
	return nil
}

// emitted is a package that is only there in an overlay.
const emitted = "fuzz/power/emitted"

// test builds the Go test in dir into a program of its own, and runs it there.
func (b *bench) test(ctx context.Context, dir, over string) (passed, failed int, err error) {
	var files struct{ Replace map[string]string }
	files.Replace = make(map[string]string)
	if over != "" {
		text, err := os.ReadFile(over)
		if err != nil {
			return 0, 0, err
		}
		if err := json.Unmarshal(text, &files); err != nil {
			return 0, 0, err
		}
	}
	files.Replace[filepath.Join(b.root, filepath.FromSlash(emitted), testFile)] = filepath.Join(dir, testFile)
	text, err := json.Marshal(files)
	if err != nil {
		return 0, 0, err
	}
	with, program := filepath.Join(dir, "test.json"), filepath.Join(dir, "small.test")
	if err := os.WriteFile(with, text, 0o600); err != nil {
		return 0, 0, err
	}
	if err := b.build(ctx, "test -c -vet=off", with, program, "./"+emitted); err != nil {
		return 0, 0, err
	}
	limited, cancel := context.WithTimeout(ctx, patience*time.Minute)
	defer cancel()
	c := exec.CommandContext(limited, program, "-test.v", fmt.Sprintf("-test.count=%d", b.times))
	c.Dir = dir
	out, err := c.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return 0, 0, err
	}
	return bytes.Count(out, []byte("\n--- PASS: ")), bytes.Count(out, []byte("\n--- FAIL: ")), nil
}
