package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/dsim/des"
	"example.com/dsim/links"
	"example.com/dsim/scenarios"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (a *app) checkCommand() *cobra.Command {
	var set []string
	var seed string
	c := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check scenario files without running them",
		Long: `Check scenario files: each error is one line, file:line:column, with what is
wrong and what is allowed.

Exit codes: 0 all are well, 2 one is not, 5 a file cannot be read.`,
		Example:           "  dsim check scenarios/abp/*.yaml",
		ValidArgsFunction: completeScenario,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("want scenario files")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.check(args, seed, set) },
	}
	c.Flags().StringVar(&seed, "seed", "1", "the seed for drawn values")
	c.Flags().StringArrayVar(&set, "set", nil, "override a value: path=value; may be repeated")
	return c
}

func (a *app) check(files []string, seedText string, set []string) error {
	seed, err := des.ParseSeed(seedText)
	if err != nil {
		return err
	}
	bad := 0
	for _, f := range files {
		if err := checkFile(f, seed, set); err != nil {
			var e *exitError
			if errors.As(err, &e) {
				return err
			}
			bad++
			a.err.printf("%s\n", err)
			continue
		}
		a.out.printf("%s %s\n", a.out.good("ok"), f)
	}
	if bad > 0 {
		return exit(exitUsage, nil)
	}
	return nil
}

// checkFile builds everything that a run would build, and runs nothing.
func checkFile(file string, seed des.Seed, set []string) error {
	src, err := load(file)
	if err != nil {
		return err
	}
	sc, err := src.Build(scenarios.BuildOptions{Seed: seed, Set: set})
	if err != nil {
		return err
	}
	_, err = scenarios.NewWorld(sc, scenarios.WorldOptions{})
	return err
}

func (a *app) listCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list [scenarios|protocols|properties|parameters]",
		Short: "List what there is to use",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && !slices.Contains(listed, args[0]) {
				return fmt.Errorf("list %s: must be one of %s", strings.Join(args, " "), strings.Join(listed, ", "))
			}
			return nil
		},
		ValidArgs: listed,
		RunE:      func(_ *cobra.Command, args []string) error { return a.list(args, asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON on standard output")
	return c
}

var listed = []string{"scenarios", "protocols", "properties", "parameters"}

// item is one thing listed.
type item struct {
	Name    string `json:"name"`
	Doc     string `json:"doc"`
	Type    string `json:"type,omitempty"`
	Default string `json:"default,omitempty"`
}

func (a *app) list(args []string, asJSON bool) error {
	what := listed
	if len(args) == 1 {
		what = args
	}
	all := make(map[string][]item)
	for _, w := range what {
		all[w] = append([]item{}, items(w)...)
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(all)
	}
	for i, w := range what {
		if i > 0 {
			a.out.printf("\n")
		}
		a.out.printf("%s\n", a.out.bold(w))
		if len(all[w]) == 0 {
			a.out.printf("  none: there is no scenarios/*/*.yaml below this directory; dsim's sources have some, and any path will do\n")
			continue
		}
		var rows [][]string
		for _, x := range all[w] {
			rows = append(rows, []string{"  " + x.Name, x.Type, defaultText(x), x.Doc})
		}
		a.out.table("", append([][]string{{"  name", "type", "default", "what it is"}}, rows...))
	}
	return nil
}

// defaultText is a default for people: a bound of 0 is none.
func defaultText(x item) string {
	if strings.HasSuffix(x.Doc, "; 0 is no limit") && strings.Trim(x.Default, "B") == "0" {
		return "no limit"
	}
	return x.Default
}

func items(what string) (list []item) {
	switch what {
	case "scenarios":
		files, _ := filepath.Glob("scenarios/*/*.yaml")
		slices.Sort(files)
		for _, f := range files {
			if src, err := scenarios.Load(f); err == nil {
				name := ""
				if sc, err := src.Build(scenarios.BuildOptions{Seed: des.SeedOf(1)}); err == nil {
					name = sc.Name
				}
				list = append(list, item{Name: filepath.ToSlash(f), Doc: name})
			}
		}
	case "protocols":
		for _, p := range scenarios.Default.Protocols() {
			list = append(list, item{Name: p.Name, Doc: p.Doc})
			for _, q := range p.Params() {
				list = append(list, item{Name: "  " + q.Name, Doc: q.Doc, Type: strings.TrimPrefix(q.Type, "|"), Default: q.Default})
			}
		}
	case "properties":
		for _, p := range scenarios.Default.Properties() {
			list = append(list, item{Name: p.Name, Doc: p.Doc})
		}
	case "parameters":
		for _, p := range links.ParamInfos() {
			list = append(list, item{Name: p.Name, Doc: p.Doc, Type: string(p.Type), Default: p.Default})
		}
	}
	return list
}

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "schema",
		Short:             "Print the JSON Schema of scenario files",
		Long:              "Print the JSON Schema of scenario files, for editors:\n\n  # yaml-language-server: $schema=../scenario.schema.json",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			b, err := scenarios.Schema(scenarios.Default)
			if err != nil {
				return err
			}
			a.out.printf("%s", b)
			return nil
		},
	}
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:               "version",
		Short:             "Print the build",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return json.NewEncoder(a.out).Encode(buildInfo())
			}
			a.out.printf("dsim %s\n", buildInfo())
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on standard output")
	return c
}

// manCommand writes manual pages, with no date in them.
func (a *app) manCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write manual pages into a directory",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("want a directory to write to, not %d arguments", len(args))
			}
			return nil
		},
		ValidArgsFunction: completeFolder,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return exit(exitEnvironment, err)
			}
			return environment(writeManual(root, args[0]))
		},
	}
}

// writeManual writes the pages of a command and of those below it. Cobra gives
// each page the month it was written in; it is taken out again.
func writeManual(c *cobra.Command, dir string) error {
	for _, below := range c.Commands() {
		if !below.IsAvailableCommand() || below.IsAdditionalHelpTopicCommand() {
			continue
		}
		if err := writeManual(below, dir); err != nil {
			return err
		}
	}
	var never time.Time
	var page bytes.Buffer
	if err := doc.GenMan(c, &doc.GenManHeader{Title: "DSIM", Section: "1", Date: &never, Source: "dsim", Manual: "dsim"}, &page); err != nil {
		return err
	}
	text := strings.Replace(page.String(), `"`+never.Format("Jan 2006")+`"`, `""`, 1)
	return os.WriteFile(filepath.Join(dir, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"), []byte(text), 0o644)
}
