package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/realnet/xmlrpc"
)

// Part is one site's part of a batch, as JSON carries it to prepare.
type Part struct {
	Version uint64                   `json:"version"`
	Batch   []cells.Change           `json:"batch"`
	Wires   map[string]socket.Config `json:"wires,omitempty"` // by link
}

// prepare checks a batch and opens its sockets.
func (n *Node) prepare(text string) error {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	var p Part
	if err := d.Decode(&p); err != nil {
		return xmlrpc.Faultf(xmlrpc.FaultParams, "prepare: the batch: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return xmlrpc.Faultf(xmlrpc.FaultParams, "prepare: something follows the batch")
	}
	n.change.Lock()
	defer n.change.Unlock()
	return n.driver.Prepare(p.Version, p.Batch, p.Wires)
}

// commit lets the prepared batch act.
func (n *Node) commit(version uint64) error {
	n.change.Lock()
	defer n.change.Unlock()
	if err := n.driver.Commit(version); err != nil {
		return err
	}
	n.settle()
	n.log.Info("applied", "version", version)
	return nil
}

// parseVersion reads a version: a decimal, since XML-RPC's integers are short.
func parseVersion(text string) (uint64, error) {
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, xmlrpc.Faultf(xmlrpc.FaultParams, "version %q: want a decimal number", text)
	}
	return v, nil
}

// command gives a cell's protocol a command. Without a name it is the only cell's.
func (n *Node) command(cell string, words []any) (string, error) {
	args := make([]string, len(words))
	for i, w := range words {
		text, ok := paramText(w)
		if s, is := w.(string); is {
			text = s // blanks included
		}
		if !ok {
			return "", xmlrpc.Faultf(xmlrpc.FaultParams, "command: word %d is no text", i+1)
		}
		args[i] = text
	}
	return n.driver.Command(cells.ID(cell), args)
}

// toJSON is a value as JSON text.
func toJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("as JSON: %w", err)
	}
	return string(b), nil
}
