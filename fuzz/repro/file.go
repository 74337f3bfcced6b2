package repro

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/des/suggest"
	"example.com/dsim/links"
)

// Ext is how the names of repro files end.
const Ext = ".repro"

// The bounds of a file.
const (
	FileMax   = 16 << 20 // bytes
	ChoiceMax = 1 << 17  // choices
)

// magic is the first line of a file. Its number is that of the format.
const magic = "# dsim repro 1"

// File is a failure that is kept: the world, and what went wrong in it.
//
//	# dsim repro 1
//	fails: abp/exactly-once-in-order | <abp receiver> delivers message # of <abp sender> again, the next is # | abp receiver
//	seed: 7
//	digest: 00c5e0b27a3a7cf2
//	build: v1.2.0 go1.26 linux/amd64
//	chance: served
//	choice: verdict ab< 0 drop:loss @ 1ms 3B 8f1e4e2a5c6b7d90
//	name: twice.yaml
//	scenario:
//	version: 1
//	…
//
// Lines that begin with # before the scenario are remarks and are kept.
type File struct {
	World     World
	Signature Signature
	Digest    des.Digest // of the run that failed; another one is only noted
	Build     string     // what it failed in; likewise
	Remarks   []string   // for people
}

// keys are the keys of a file, in the order in which they are written.
var keys = []string{"fails", "seed", "ties", "beyond", "set", "digest", "build", "chance", "choice", "name", "scenario"}

// Encode is the file's text.
func (f *File) Encode() []byte {
	var b bytes.Buffer
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", key, value)
		}
	}
	b.WriteString(magic + "\n")
	for _, r := range f.Remarks {
		fmt.Fprintf(&b, "# %s\n", oneLine(r))
	}
	w := &f.World
	line("fails", oneLine(f.Signature.String()))
	line("seed", w.Seed.String())
	line("ties", w.Ties)
	if w.Beyond {
		line("beyond", "true")
	}
	for _, s := range w.Set {
		line("set", strconv.Quote(s))
	}
	if f.Digest != 0 {
		line("digest", fmt.Sprintf("%016x", uint64(f.Digest)))
	}
	line("build", oneLine(f.Build))
	chance := "drawn"
	if w.Served {
		chance = "served"
	}
	line("chance", chance)
	for _, c := range w.Choices {
		line("choice", c.line())
	}
	line("name", oneLine(w.Name))
	b.WriteString("scenario:\n")
	b.Write(w.Text)
	if len(w.Text) > 0 && w.Text[len(w.Text)-1] != '\n' {
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// line is a choice as a file has it.
func (c Choice) line() string {
	s := fmt.Sprintf("%s %s %d %s", c.What, c.Where, c.N, c.Value)
	if c.Anchor == (Anchor{}) {
		return s
	}
	return fmt.Sprintf("%s @ %s %dB %016x", s, c.Anchor.At, c.Anchor.Size, c.Anchor.Hash)
}

// Parse reads a file's text; name stands in errors.
func Parse(name string, text []byte) (*File, error) {
	f := &File{}
	if len(text) > FileMax {
		return nil, fmt.Errorf("%s: %d bytes, at most %d", name, len(text), FileMax)
	}
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	if strings.TrimSpace(string(first)) != magic {
		return nil, fmt.Errorf("%s:1: want %q: this is no repro, or one of a newer dsim", name, magic)
	}
	seen := make(map[string]bool)
	for n := 2; len(rest) > 0; n++ {
		var raw []byte
		raw, rest, _ = bytes.Cut(rest, []byte("\n"))
		line := strings.TrimRight(string(raw), " \t\r")
		if line == "scenario:" {
			f.World.Text = rest
			seen["scenario"] = true
			break
		}
		if remark, ok := strings.CutPrefix(line, "#"); ok {
			f.Remarks = append(f.Remarks, strings.TrimSpace(remark))
			continue
		}
		if line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || value == "" {
			return nil, fmt.Errorf("%s:%d: %s: want key: value%s", name, n, suggest.Quoted(line), suggest.Hint(key, keys))
		}
		if seen[key] && key != "set" && key != "choice" {
			return nil, fmt.Errorf("%s:%d: %s: is given twice", name, n, key)
		}
		seen[key] = true
		if err := f.take(key, value); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	for _, key := range []string{"fails", "seed", "scenario"} {
		if !seen[key] {
			return nil, fmt.Errorf("%s: %s is missing", name, key)
		}
	}
	if f.World.Name == "" {
		f.World.Name = "scenario"
	}
	return f, nil
}

// take takes one line in.
func (f *File) take(key, value string) (err error) {
	w := &f.World
	switch key {
	case "fails":
		f.Signature, err = ParseSignature(value)
	case "seed":
		w.Seed, err = des.ParseSeed(value)
	case "ties":
		if w.Ties = value; value != "fifo" && value != "shuffled" {
			err = fmt.Errorf("ties %s: must be fifo or shuffled", suggest.Quoted(value))
		}
	case "beyond":
		if w.Beyond, err = strconv.ParseBool(value); err != nil {
			err = fmt.Errorf("beyond %s: must be true or false", suggest.Quoted(value))
		}
	case "set":
		var s string
		if s, err = strconv.Unquote(value); err != nil {
			err = fmt.Errorf("set %s: want path=value in quotes", suggest.Quoted(value))
		}
		w.Set = append(w.Set, s)
	case "digest":
		var d uint64
		if d, err = strconv.ParseUint(value, 16, 64); err != nil {
			err = fmt.Errorf("digest %s: want 16 hexadecimal digits", suggest.Quoted(value))
		}
		f.Digest = des.Digest(d)
	case "build":
		f.Build = value
	case "chance":
		if w.Served = value == "served"; value != "served" && value != "drawn" {
			err = fmt.Errorf("chance %s: must be drawn or served", suggest.Quoted(value))
		}
	case "choice":
		var c Choice
		if len(w.Choices) >= ChoiceMax {
			return fmt.Errorf("more than %d choices", ChoiceMax)
		}
		c, err = parseChoice(value)
		w.Choices = append(w.Choices, c)
	case "name":
		w.Name = filepath.Base(value)
	default:
		err = fmt.Errorf("unknown key %s%s", suggest.Quoted(key), suggest.Hint(key, keys))
	}
	return err
}

// parseChoice reads "verdict ab> 12 drop:loss @ 1ms 3B 8f1e…".
func parseChoice(text string) (Choice, error) {
	words, anchor, anchored := text, "", false
	if strings.HasPrefix(text, Verdict) {
		words, anchor, anchored = strings.Cut(text, " @ ")
	}
	part := strings.SplitN(words, " ", 4)
	if len(part) != 4 || part[0] != Verdict && part[0] != Option {
		return Choice{}, fmt.Errorf("choice %s: want verdict DIRECTION NUMBER VERDICT, or option PATH 0 VALUE", suggest.Quoted(text))
	}
	c := Choice{What: part[0], Where: part[1], Value: part[3]}
	n, err := strconv.ParseUint(part[2], 10, 64)
	if err != nil {
		return Choice{}, fmt.Errorf("choice %s: %s is no number of a frame", suggest.Quoted(text), suggest.Quoted(part[2]))
	}
	c.N = n
	if c.What == Verdict {
		if _, err := links.ParseVerdict(c.Value); err != nil {
			return Choice{}, fmt.Errorf("choice: %w", err)
		}
	}
	if !anchored {
		return c, nil
	}
	bad := fmt.Errorf("choice %s: behind @ want TIME, BYTES and a hash, as in 1ms 3B 8f1e4e2a5c6b7d90", suggest.Quoted(text))
	at := strings.Fields(anchor)
	if len(at) != 3 {
		return Choice{}, bad
	}
	when, e1 := des.ParseDuration(at[0])
	size, e2 := strconv.ParseUint(strings.TrimSuffix(at[1], "B"), 10, 31)
	sum, e3 := strconv.ParseUint(at[2], 16, 64)
	if errors.Join(e1, e2, e3) != nil {
		return Choice{}, bad
	}
	c.Anchor = Anchor{At: clock.Time(when), Size: int(size), Hash: sum}
	return c, nil
}

// Load reads a file.
func Load(path string) (*File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("repro: %w", err)
	}
	defer in.Close() // it was only read
	text, err := io.ReadAll(io.LimitReader(in, FileMax+1))
	if err != nil {
		return nil, fmt.Errorf("repro: %w", err)
	}
	return Parse(filepath.Base(path), text)
}

// Save writes the file, whole or not at all: under a name of its own first,
// which is then renamed.
func (f *File) Save(path string) error {
	return WriteFile(path, f.Encode())
}

// WriteFile writes a file whole or not at all, and makes its folder.
func WriteFile(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("repro: %w", err)
	}
	tmp, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("repro: %w", err)
	}
	_, err = tmp.Write(text)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("repro: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}

// Slug is a signature as the beginning of a file's name.
func (s Signature) Slug() string {
	var b strings.Builder
	for _, r := range strings.ToLower(s.Property) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 40 {
			break
		}
	}
	return fmt.Sprintf("%s-%04x", strings.Trim(b.String(), "-"), hash([]byte(s.String()))&0xffff)
}
