// Package overlay edits sources for one build and leaves the files as they are:
// an edit names the place where it stands, and the go command is given the
// edited text with -overlay. Tests plant mistakes with it that others must find.
package overlay

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Edit puts text behind a part of a file, or in its place.
type Edit struct {
	Anchor string // exactly once in the file
	After  string // put behind it, or
	With   string // put in its place
}

// Imports adds to the imports of a file that has a list of them.
func Imports(paths ...string) Edit {
	var text strings.Builder
	for _, p := range paths {
		text.WriteString("\t" + p + "\n")
	}
	return Edit{Anchor: "\nimport (\n", After: text.String()}
}

// Apply edits a source. An edit whose place is not there exactly once is an
// error: it would rot.
func Apply(src string, edits []Edit) (string, error) {
	for _, e := range edits {
		if n := strings.Count(src, e.Anchor); n != 1 {
			return "", fmt.Errorf("anchor: stands %d times, want once: %q", n, e.Anchor)
		}
		with := e.With
		if with == "" {
			with = e.Anchor + e.After
		}
		src = strings.Replace(src, e.Anchor, with, 1)
	}
	return src, nil
}

// Read gives the edited text of a file; file is below root, with slashes.
func Read(root, file string, edits []Edit) (string, error) {
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return "", err
	}
	text, err := Apply(string(src), edits)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return text, nil
}

// Write writes the edited text of a file into dir, and with it what the go
// command's -overlay takes, whose path it gives.
func Write(dir, root, file string, edits []Edit) (string, error) {
	return WriteAll(dir, root, File{file, edits})
}

// File is a file below the root, with slashes, and its edits.
type File struct {
	Name  string
	Edits []Edit
}

// WriteAll is Write of several files.
func WriteAll(dir, root string, files ...File) (string, error) {
	replace := make(map[string]string)
	for i, f := range files {
		text, err := Read(root, f.Name, f.Edits)
		if err != nil {
			return "", err
		}
		where, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(f.Name)))
		if err != nil {
			return "", err
		}
		edited, err := filepath.Abs(filepath.Join(dir, fmt.Sprintf("edited%d.go", i)))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(edited, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[where] = edited
	}
	b, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, b, 0o600)
}
