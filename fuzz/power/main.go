package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"time"

	"example.com/dsim/fuzz/power/internal/corpus"
)

// flags of the command.
type flags struct {
	bugs, out             string
	search, shrink, plain time.Duration
	long, json, update    bool
	worker                bool
}

// Where the corpus lies, below the module's folder, and what --update writes.
const (
	corpusDir   = "fuzz/power/corpus"
	resultsFile = "fuzz/power/RESULTS.md"
)

// Exit codes.
const (
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, in io.Reader, out, progress io.Writer) int {
	var o flags
	f := flag.NewFlagSet("power", flag.ContinueOnError)
	f.SetOutput(progress)
	f.StringVar(&o.bugs, "bugs", "*", "the bugs, as a pattern such as 'abp-*'")
	f.StringVar(&o.out, "out", "", "keep a line of JSON for each bug in this file, and take from it what is there already")
	f.DurationVar(&o.search, "budget", time.Minute, "processor time to find a world that fails")
	f.DurationVar(&o.shrink, "shrink", time.Minute, "processor time to make it small; 0 leaves that out")
	f.DurationVar(&o.plain, "plain", 10*time.Second, "processor time to find one among plain worlds; 0 leaves that out")
	f.BoolVar(&o.long, "long", false, "run each Go test 100 times instead of 3")
	f.BoolVar(&o.json, "json", false, "print lines of JSON instead of a table")
	f.BoolVar(&o.update, "update", false, "write "+resultsFile+"; with all bugs")
	f.BoolVar(&o.worker, "worker", false, "do a task that is read from standard input; for the command itself")
	if err := f.Parse(args); err != nil || f.NArg() > 0 {
		if err == nil {
			fmt.Fprintf(progress, "power: %q: no arguments are taken\n", f.Arg(0))
		} else if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return exitUsage
	}
	err := o.run(ctx, in, out, progress)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(progress, "power: interrupted; what was found until then is above")
		return exitInterrupted
	case err != nil:
		fmt.Fprintln(progress, "power:", err)
		return exitUsage
	}
	return 0
}

func (o *flags) run(ctx context.Context, in io.Reader, out, progress io.Writer) error {
	if o.worker {
		return work(ctx, in, out)
	}
	if o.update && (o.bugs != "*" || o.shrink == 0 || o.plain == 0) {
		return errors.New("--update: the results are those of all bugs, shrunk, and beside plain worlds")
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	bugs, err := chosen(root, o.bugs)
	if err != nil {
		return err
	}
	b := &bench{root: root, search: o.search, shrink: o.shrink, plain: o.plain, times: 3}
	if o.long {
		b.times = 100
	}
	rows, err := o.measure(ctx, b, bugs, progress)
	if err != nil && ctx.Err() == nil {
		return err
	}
	if o.json {
		for _, r := range rows {
			if err := json.NewEncoder(out).Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	if err := writeTable(out, b, rows); err != nil {
		return err
	}
	if o.update && ctx.Err() == nil {
		return os.WriteFile(filepath.Join(root, filepath.FromSlash(resultsFile)), []byte(results(b, rows)), 0o644)
	}
	return nil
}

// measure measures bugs, one after the other, but for those that a file of
// results has already.
func (o *flags) measure(ctx context.Context, b *bench, bugs []*corpus.Bug, progress io.Writer) ([]*row, error) {
	k, err := openKept(o.out)
	if err != nil {
		return nil, err
	}
	defer k.close()
	var rows []*row
	for i, bug := range bugs {
		key, err := b.key(bug)
		if err != nil {
			return rows, err
		}
		r := k.rows[key]
		if r == nil {
			if r, err = b.measure(ctx, bug); err != nil {
				return rows, err
			}
			if err := k.add(r); err != nil {
				return rows, err
			}
		}
		rows = append(rows, r)
		fmt.Fprintf(progress, "%d of %d: %s\n", i+1, len(bugs), r.line())
	}
	return rows, nil
}

// chosen are the bugs of a pattern.
func chosen(root, pattern string) (some []*corpus.Bug, err error) {
	all, err := corpus.Read(filepath.Join(root, filepath.FromSlash(corpusDir)))
	if err != nil {
		return nil, err
	}
	for _, b := range all {
		ok, err := path.Match(pattern, b.Name)
		if err != nil {
			return nil, fmt.Errorf("--bugs %q: %w", pattern, err)
		}
		if ok {
			some = append(some, b)
		}
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("--bugs %q: no bug of %s is called so", pattern, corpusDir)
	}
	return some, nil
}

// moduleRoot is the folder with go.mod, this one or one above.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("no go.mod here or above: run it in the module's folder")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}
