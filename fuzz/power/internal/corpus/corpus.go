// Package corpus reads planted bugs: small text files, each of which says how
// such a bug comes about and which lines of the sources to change for it. The
// change is made when something is built, with -overlay; the sources stay as
// they are.
//
//	kind: wrong bit after restart
//	family: abp
//	scenario: scenarios/abp/lossy.yaml
//	property: abp/exactly-once-in-order
//	shown: fuzz/power/corpus/worlds/abp.yaml --seeds 1-2000
//
//	The story, in words.
//
//	-- protocols/abp/state.go --
//	whole lines that stand there once
//	-- with --
//	the lines in their place
//
// Which tests and worlds a bug has to get past is left to the test of package
// power, and the search for it to the command.
package corpus

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"example.com/dsim/fuzz/overlay"
)

// Ext is how the name of a bug's file ends.
const Ext = ".bug"

// Bug is one planted bug.
type Bug struct {
	Name     string // of its file, without Ext
	Kind     string // "forgotten disarm"
	Family   *Family
	Scenario string   // to explore, below the module's root
	Property string   // what fails, as a failure's signature names it; or how it shows
	Shown    []string // arguments of dsim run, of a world drawn by hand in which it shows
	Story    string
	Files    []overlay.File
}

// Read reads all bugs of a folder, in the order of their names.
func Read(dir string) ([]*Bug, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+Ext))
	if err != nil {
		return nil, err
	}
	var all []*Bug
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		b, err := Parse(strings.TrimSuffix(filepath.Base(file), Ext), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// Parse reads the text of one bug.
func Parse(name, text string) (*Bug, error) {
	b := &Bug{Name: name}
	head, edits, _ := strings.Cut("\n"+text, "\n-- ")
	fields, story, _ := strings.Cut(strings.TrimLeft(head, "\n"), "\n\n")
	b.Story = strings.TrimSpace(story)
	for line := range strings.SplitSeq(fields, "\n") {
		if err := b.field(line); err != nil {
			return nil, fmt.Errorf("bug %s: %w", name, err)
		}
	}
	if err := b.edits(edits); err != nil {
		return nil, fmt.Errorf("bug %s: %w", name, err)
	}
	switch {
	case b.Kind == "", b.Family == nil, b.Scenario == "", b.Property == "", len(b.Shown) == 0:
		return nil, fmt.Errorf("bug %s: want kind, family, scenario, property and shown", name)
	case b.Story == "":
		return nil, fmt.Errorf("bug %s: has no story", name)
	case len(b.Files) == 0:
		return nil, fmt.Errorf("bug %s: changes nothing", name)
	}
	return b, nil
}

func (b *Bug) field(line string) error {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	switch name {
	case "kind":
		b.Kind = value
	case "family":
		if b.Family = find(value); b.Family == nil {
			return fmt.Errorf("family %q: is not known", value)
		}
	case "scenario":
		b.Scenario = value
	case "property":
		b.Property = value
	case "shown":
		b.Shown = strings.Fields(value)
	default:
		return fmt.Errorf("field %q: want kind, family, scenario, property or shown", name)
	}
	return nil
}

// edits reads what is to be changed: sections of a file's lines, each followed
// by one of the lines in their place. Text of which nothing is to be left has a
// blank line in its place.
func (b *Bug) edits(text string) error {
	const with = "with --\n"
	sections := strings.Split(text, "\n-- ")
	for i := 0; i+1 < len(sections); i += 2 {
		file, old, ok := strings.Cut(sections[i], " --\n")
		fresh, ok2 := strings.CutPrefix(sections[i+1]+"\n", with)
		if !ok || !ok2 {
			return fmt.Errorf("section %q: want a file's lines, and then those in their place", file)
		}
		if i+2 == len(sections) {
			fresh = strings.TrimRight(fresh, "\n") + "\n"
		}
		b.edit(file, overlay.Edit{Anchor: old + "\n", With: fresh})
	}
	if len(sections)%2 != 0 && text != "" {
		return fmt.Errorf("section %q: has nothing in its place", sections[len(sections)-1])
	}
	return nil
}

func (b *Bug) edit(file string, e overlay.Edit) {
	for i := range b.Files {
		if b.Files[i].Name == file {
			b.Files[i].Edits = append(b.Files[i].Edits, e)
			return
		}
	}
	b.Files = append(b.Files, overlay.File{Name: file, Edits: []overlay.Edit{e}})
}

// Overlay writes the changed sources into dir and gives the path of what the go
// command's -overlay takes.
func (b *Bug) Overlay(dir, root string) (string, error) {
	path, err := overlay.WriteAll(dir, root, b.Files...)
	if err != nil {
		return "", fmt.Errorf("bug %s: %w", b.Name, err)
	}
	return path, nil
}
