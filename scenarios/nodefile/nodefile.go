// Package nodefile reads the file that a cell's process is started with: the
// "sim config" of the first document, word for word, and what has come to it.
//
//	config:
//	  protocol: abp              # one that is registered
//	  params: {role: sender}     # of the protocol
//	  node_id: sahas             # the cell's name
//	  seed: 42
//	  rpc: 127.0.0.1:9001
//	  record: recordings         # a directory
//	  log_dir: /var/log/dsim
//	  log_level: {sahas: info}   # by name: of cells, rpc, site
//	ports:
//	  - {name: en2, interface: en2}
//	  - {name: p0, unix_socket: {path: /tmp/ab.sock, mode: server}, ber: 0.01}
//	  - name: p1                 # bound later
//
// It is as strict as scenario files are: a key that is not known, or a value that
// makes no sense, is an error with its place and what is allowed. What a port is
// bound with is handed on to who binds it; here only the parameters of its link
// are understood, so that a mistake in one has its place too.
package nodefile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/scenarios"
)

// Config is what a node's file says.
type Config struct {
	NodeID   string // the cell's name
	Protocol string
	Params   []cells.Param
	Seed     des.Seed
	HasSeed  bool
	RPC      string // where to serve
	Record   string // the directory for journals
	LogDir   string
	LogDirAt string  // where the file says so
	Levels   []Level // in the order of the file
	Ports    []Port
	Notes    []string // what was understood and does nothing
}

// Level is the level of a log, by its name.
type Level struct{ Name, Level string }

// Port is one port, and what it is bound with. One without Config is bound later.
type Port struct {
	Name   string
	Where  string         // file:line:column
	Config map[string]any // as bind_port takes it: texts, and one level of maps
}

// Options are what a file is judged by.
type Options struct {
	Registry *scenarios.Registry // of protocols; nil for the Default
	Protocol string              // instead of the file's
	Levels   []string            // the words for levels
}

// Subsystems are the names of logs that are no cell's.
var Subsystems = []string{"rpc", "site", "websocket_server"}

// sizeMax bounds a file: no cell has so many ports.
const sizeMax = 1 << 20

// Load reads a node's file. Errors speak of the last element of path.
func Load(path string, opt Options) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	defer f.Close() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, sizeMax+1))
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return Parse(filepath.Base(path), text, opt)
}

// CheckName says what is wrong with the name of a cell or a port, nil if nothing
// is.
func CheckName(name string) error {
	ok := name != "" && len(name) <= 63 && name[0] != '-'
	for _, c := range []byte(name) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		ok = ok && (letter || c == '_' || c == '-')
	}
	if !ok {
		return fmt.Errorf("name %q: want letters, digits, _ and -, at most 63, not beginning with -", name)
	}
	return nil
}

// Port gives a port by name.
func (c *Config) Port(name string) (Port, bool) {
	i := slices.IndexFunc(c.Ports, func(p Port) bool { return p.Name == name })
	if i < 0 {
		return Port{}, false
	}
	return c.Ports[i], true
}

// PortNames are the ports' names in the order of the file.
func (c *Config) PortNames() []string {
	names := make([]string, len(c.Ports))
	for i, p := range c.Ports {
		names[i] = p.Name
	}
	return names
}

// lower is a word in small letters, as levels are compared.
func lower(words []string, word string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, word) })
}
