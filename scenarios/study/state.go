package study

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// The files of a study's state: what it is a study of, and a line for each run
// that is over: eight hexadecimal digits, the CRC-32 of the rest, a blank, and
// the result as JSON. A line is written in one piece, so one that was torn when
// the machine went down spoils itself alone: its run is made again.
const (
	headFile    = "study.json"
	resultsFile = "results"
	lineMax     = 1 << 20
)

// head says what results are of.
type head struct {
	Format   int      `json:"format"`
	Build    string   `json:"build"`
	Scenario string   `json:"scenario"` // SHA-256 of its text
	Set      []string `json:"set"`
	Measure  []string `json:"measure"`
}

// ErrState says that a state is of another build, scenario or study.
var ErrState = errors.New("the state is of another study")

// state keeps results. One without a folder keeps nothing.
type state struct {
	file *os.File
	old  map[key]*result
}

type key struct {
	point string
	seed  uint64
}

// open opens the state, and makes it if it is not there.
func (s *Study) open() (*state, error) {
	st := &state{old: make(map[key]*result)}
	if s.opt.State == "" {
		return st, nil
	}
	if err := os.MkdirAll(s.opt.State, 0o777); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if err := s.checkHead(); err != nil {
		return nil, fmt.Errorf("state %s: %w", s.opt.State, err)
	}
	name := filepath.Join(s.opt.State, resultsFile)
	if err := st.read(name); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o666)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	st.file = f
	if err := st.endLine(); err != nil {
		return nil, errors.Join(fmt.Errorf("state: %w", err), f.Close())
	}
	return st, nil
}

// checkHead compares the state's head with this study, or writes it.
func (s *Study) checkHead() error {
	hash := s.opt.Source.Hash
	mine := head{1, s.opt.Build, hex.EncodeToString(hash[:]), append([]string{}, s.opt.Set...), s.measure}
	name := filepath.Join(s.opt.State, headFile)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = json.MarshalIndent(mine, "", " "); err != nil {
			return err
		}
		return WriteFile(name, append(text, '\n'))
	}
	var theirs head
	if err == nil {
		err = json.Unmarshal(text, &theirs)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", headFile, err)
	}
	const remedy = "; go on with that, or give another folder"
	switch {
	case theirs.Format != mine.Format:
		return fmt.Errorf("%w: format %d, this is %d%s", ErrState, theirs.Format, mine.Format, remedy)
	case theirs.Build != mine.Build:
		return fmt.Errorf("%w: results are of build %q, this is %q%s", ErrState, theirs.Build, mine.Build, remedy)
	case theirs.Scenario != mine.Scenario:
		return fmt.Errorf("%w: results are of scenario %.12s, this is %.12s: the file has changed%s", ErrState, theirs.Scenario, mine.Scenario, remedy)
	case !slices.Equal(theirs.Set, mine.Set):
		return fmt.Errorf("%w: results are with --set %q, this is with %q%s", ErrState, theirs.Set, mine.Set, remedy)
	case !slices.Equal(theirs.Measure, mine.Measure):
		return fmt.Errorf("%w: results are of %q, measured is %q%s", ErrState, theirs.Measure, mine.Measure, remedy)
	}
	return nil
}

// read takes in the lines that are whole.
func (st *state) read(name string) error {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer f.Close() // it was only read
	in := bufio.NewScanner(f)
	in.Buffer(nil, lineMax)
	for in.Scan() {
		sum, text, ok := bytes.Cut(in.Bytes(), []byte(" "))
		var r result
		if ok && string(sum) == checksum(text) && json.Unmarshal(text, &r) == nil {
			st.old[key{r.Point, r.Seed}] = &r
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func checksum(text []byte) string {
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE(text))
}

// endLine ends a line that was torn.
func (st *state) endLine() error {
	info, err := st.file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := st.file.ReadAt(last, info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = st.file.Write([]byte{'\n'})
	return err
}

func (st *state) find(point string, seed uint64) *result { return st.old[key{point, seed}] }

// add keeps a result.
func (st *state) add(r *result) error {
	if st.file == nil {
		return nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	line := append([]byte(checksum(text)+" "), text...)
	if _, err := st.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("state: point %s, seed %s: %w", r.Point, strconv.FormatUint(r.Seed, 10), err)
	}
	return nil
}

func (st *state) close() {
	if st.file != nil {
		_ = st.file.Close() // every line was written before its run counted
	}
}

// WriteFile writes a file so that it is there whole or not at all.
func WriteFile(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
