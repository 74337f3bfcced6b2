package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/realnet/datacenter"
	"example.com/dsim/scenarios"
)

// wanted is what a file says of a topology: what it is to be, or changes.
type wanted struct {
	topology datacenter.Topology
	changes  []datacenter.ChangeBody
}

// wantedMax bounds a file of JSON.
const wantedMax = 64 << 20

// readWanted reads a scenario, or JSON.
func readWanted(name, seed string, set []string) (w wanted, err error) {
	if ext := filepath.Ext(name); ext == ".yaml" || ext == ".yml" {
		batch, err := scenarioBatch(name, seed, set)
		w.topology = datacenter.TopologyOf(batch)
		return w, err
	}
	var b []byte
	if name == "-" {
		b, err = io.ReadAll(io.LimitReader(os.Stdin, wantedMax))
	} else {
		b, err = os.ReadFile(name)
	}
	if err != nil {
		return w, exit(exitEnvironment, err)
	}
	var file struct {
		Version json.RawMessage                `json:"version"` // of what was printed; --version says which to use
		Cells   map[string]datacenter.CellBody `json:"cells"`
		Links   map[string]datacenter.LinkBody `json:"links"`
		Changes []datacenter.ChangeBody        `json:"changes"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return w, exit(exitUsage, fmt.Errorf("%s: %s", fileWord(name), strings.TrimPrefix(err.Error(), "json: ")))
	}
	switch {
	case file.Changes != nil && (file.Cells != nil || file.Links != nil):
		err = errors.New("either changes, or cells and links")
	case file.Changes == nil && file.Cells == nil && file.Links == nil:
		err = errors.New(`nothing in it: want {"cells": …, "links": …} or {"changes": […]}`)
	}
	if err != nil {
		return w, exit(exitUsage, fmt.Errorf("%s: %w", fileWord(name), err))
	}
	w.topology = datacenter.Topology{Cells: file.Cells, Links: file.Links}
	w.changes = file.Changes
	return w, nil
}

// scenarioBatch is what a scenario begins with.
func scenarioBatch(file, seedText string, set []string) ([]cells.Change, error) {
	seed, err := des.ParseSeed(seedText)
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	src, err := load(file)
	if err != nil {
		return nil, err
	}
	sc, err := src.Build(scenarios.BuildOptions{Seed: seed, Set: set})
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	return sc.Initial, nil
}
