package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// kept is a file of rows, one a line, that grows as bugs are measured. A row of
// other settings, or of a bug or scenario that has changed since, is left alone
// and not used, nor is one that ended in an error. Of changed sources it knows
// nothing: whoever changes the search begins another file.
type kept struct {
	rows map[string]*row // by key
	file *os.File        // nil if nothing is kept
}

func openKept(path string) (*kept, error) {
	k := &kept{rows: make(map[string]*row)}
	if path == "" {
		return k, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	k.file = f
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<22)
	for n := 1; lines.Scan(); n++ {
		r := new(row)
		if err := json.Unmarshal(lines.Bytes(), r); err != nil {
			f.Close()
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		if r.Error == "" {
			k.rows[r.Key] = r
		}
	}
	return k, lines.Err()
}

// add keeps a row.
func (k *kept) add(r *row) error {
	if k.file == nil {
		return nil
	}
	return json.NewEncoder(k.file).Encode(r)
}

func (k *kept) close() {
	if k.file != nil {
		k.file.Close()
	}
}
