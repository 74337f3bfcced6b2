package nodefile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"example.com/dsim/cells"
	"example.com/dsim/des"
	"example.com/dsim/des/suggest"
	"example.com/dsim/links"
	"example.com/dsim/scenarios"
	"example.com/dsim/scenarios/internal/yamlx"
)

// The keys of each map.
var (
	fileKeys   = []string{"config", "ports"}
	configKeys = []string{"protocol", "params", "node_id", "seed", "rpc", "record", "log_dir", "log_level", "web_socket_port"}
	portKeys   = []string{"name", "interface", "unix_socket", "log_level", "link", "peer", "stream"}
	socketKeys = []string{"path", "mode", "type"}
)

// Parse reads the text of a node's file; name stands in errors, which are
// *[scenarios.Errors].
func Parse(name string, text []byte, opt Options) (*Config, error) {
	if opt.Registry == nil {
		opt.Registry = scenarios.Default
	}
	root, errs := yamlx.Parse(name, text)
	d := decoder{opt: opt, errs: errs}
	if len(errs) == 0 && d.isMap(root, "the file", fileKeys) {
		d.config(root.Get("config"), root)
		d.ports(root.Get("ports"))
		d.checkProtocol(root.Get("config"))
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return &d.c, nil
}

type decoder struct {
	opt  Options
	c    Config
	errs []yamlx.Error
}

func (d *decoder) errorf(n *yamlx.Node, format string, args ...any) {
	d.errs = append(d.errs, yamlx.Error{Pos: n.Pos, Msg: fmt.Sprintf(format, args...)})
}

// err is what was wrong, in the order of the file.
func (d *decoder) err() error {
	if len(d.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(d.errs, func(a, b yamlx.Error) int { return cmp.Or(a.Pos.Compare(b.Pos), cmp.Compare(a.Msg, b.Msg)) })
	out := &scenarios.Errors{More: max(0, len(d.errs)-scenarios.ErrorsMax)}
	for _, e := range d.errs[:len(d.errs)-out.More] {
		out.List = append(out.List, scenarios.Error{File: e.Pos.File, Line: e.Pos.Line, Column: e.Pos.Column, Msg: e.Msg})
	}
	return out
}

// isMap holds a node to being a map of known keys. Unknown ones are told, and the
// rest is read.
func (d *decoder) isMap(n *yamlx.Node, what string, keys []string) bool {
	if n == nil || n.Kind != yamlx.Map {
		if n != nil {
			d.errorf(n, "%s: want a map", what)
		}
		return false
	}
	for _, p := range n.Pairs {
		if keys != nil && !slices.Contains(keys, p.Key.Text) {
			d.errorf(p.Key, "%s: no key %s%s", what, suggest.Quoted(p.Key.Text), suggest.Hint(p.Key.Text, keys))
		}
	}
	return true
}

// text is a key's value that is a text, "" if there is none.
func (d *decoder) text(n *yamlx.Node, what string) string {
	if n == nil {
		return ""
	}
	if n.Kind != yamlx.Scalar || n.IsNull() || n.Text == "" {
		d.errorf(n, "%s: want a value", what)
		return ""
	}
	return n.Text
}

func (d *decoder) config(n, root *yamlx.Node) {
	if n == nil {
		d.errorf(root, "config: is missing")
		return
	}
	if !d.isMap(n, "config", configKeys) {
		return
	}
	c := &d.c
	c.Protocol = d.text(n.Get("protocol"), "protocol")
	c.RPC = d.text(n.Get("rpc"), "rpc")
	c.Record = d.text(n.Get("record"), "record")
	if dir := n.Get("log_dir"); dir != nil {
		c.LogDir, c.LogDirAt = d.text(dir, "log_dir"), dir.Pos.String()
	}
	if id := n.Get("node_id"); id != nil {
		c.NodeID = d.name(id, "node_id")
	}
	if s := n.Get("seed"); s != nil {
		var err error
		if c.Seed, err = des.ParseSeed(d.text(s, "seed")); err != nil {
			d.errorf(s, "%v", err)
		}
		c.HasSeed = true
	}
	if p := n.Get("params"); p != nil && d.isMap(p, "params", nil) {
		for _, q := range p.Pairs {
			c.Params = append(c.Params, cells.Param{Name: q.Key.Text, Value: d.text(q.Value, "params."+q.Key.Text)})
		}
	}
	d.levels(n.Get("log_level"))
	d.webSocket(n.Get("web_socket_port"))
}

func (d *decoder) name(n *yamlx.Node, what string) string {
	text := d.text(n, what)
	if text != "" {
		if err := CheckName(text); err != nil {
			d.errorf(n, "%s: %v", what, err)
		}
	}
	return text
}

// levels reads the levels of logs. A name that is no subsystem's is a cell's, which
// may be any: but hardly one that looks like a slip.
func (d *decoder) levels(n *yamlx.Node) {
	if n == nil || !d.isMap(n, "log_level", nil) {
		return
	}
	for _, p := range n.Pairs {
		name := d.name(p.Key, "log_level")
		if meant, near := suggest.Nearest(name, []string{"websocket_server"}); near && meant != name {
			d.errorf(p.Key, "log_level: no log %q; did you mean %q?", name, meant)
		}
		if level, ok := d.level(p.Value, "log_level."+name); ok {
			d.c.Levels = append(d.c.Levels, Level{name, level})
		}
	}
}

func (d *decoder) level(n *yamlx.Node, what string) (string, bool) {
	word := d.text(n, what)
	if word != "" && d.opt.Levels != nil && !lower(d.opt.Levels, word) && !lower([]string{"warn"}, word) {
		d.errorf(n, "%s: no level %s%s", what, suggest.Quoted(word), suggest.Hint(word, d.opt.Levels))
		return "", false
	}
	return word, word != ""
}

func (d *decoder) webSocket(n *yamlx.Node) {
	if n == nil {
		return
	}
	text := d.text(n, "web_socket_port")
	if port, err := strconv.ParseUint(text, 10, 16); err != nil || port == 0 {
		d.errorf(n, "web_socket_port %s: want a port, from 1 to 65535", suggest.Quoted(text))
	}
	d.c.Notes = append(d.c.Notes, n.Pos.String()+": web_socket_port: does nothing: what a cell shows is at /metrics and /status.json of its rpc address")
}

func (d *decoder) ports(n *yamlx.Node) {
	if n == nil || n.IsNull() {
		return
	}
	if n.Kind != yamlx.List {
		d.errorf(n, "ports: want a list")
		return
	}
	for _, item := range n.Items {
		d.port(item)
	}
}

// port reads one port. What is no key of ours is a parameter of its link.
func (d *decoder) port(n *yamlx.Node) {
	keys := slices.Clone(portKeys)
	for _, i := range links.ParamInfos() {
		keys = append(keys, i.Name)
	}
	if !d.isMap(n, "a port", keys) {
		return
	}
	if n.Get("name") == nil {
		d.errorf(n, "a port: name is missing")
		return
	}
	p := Port{Name: d.name(n.Get("name"), "name"), Where: n.Pos.String()}
	if _, dup := d.c.Port(p.Name); dup {
		d.errorf(n.Get("name"), "port %s: is there already", p.Name)
	}
	config := map[string]any{}
	for _, q := range n.Pairs {
		key := q.Key.Text
		switch {
		case key == "name" || !slices.Contains(keys, key):
		case key == "unix_socket":
			config[key] = d.socket(q.Value)
		case key == "log_level":
			if word, ok := d.level(q.Value, key); ok {
				config[key] = word
			}
		default:
			config[key] = d.param(q.Value, key)
		}
	}
	bound := n.Get("interface") != nil || n.Get("unix_socket") != nil
	switch {
	case bound:
		p.Config = config
	case len(config) > 0:
		d.errorf(n, "port %s: neither interface nor unix_socket: want one of them, or nothing for a port that is bound later", p.Name)
	}
	d.c.Ports = append(d.c.Ports, p)
}

// param reads a value of a port, and judges it if it is a parameter of links.
func (d *decoder) param(n *yamlx.Node, key string) string {
	text := d.text(n, key)
	if text != "" && !slices.Contains(portKeys, key) {
		if err := links.CheckParam(key, text); err != nil {
			d.errorf(n, "%v", err)
		}
	}
	return text
}

func (d *decoder) socket(n *yamlx.Node) map[string]any {
	out := map[string]any{}
	if !d.isMap(n, "unix_socket", socketKeys) {
		return out
	}
	for _, p := range n.Pairs {
		out[p.Key.Text] = d.text(p.Value, "unix_socket."+p.Key.Text)
	}
	return out
}

// checkProtocol makes the protocol once, with its parameters.
func (d *decoder) checkProtocol(n *yamlx.Node) {
	name := cmp.Or(d.opt.Protocol, d.c.Protocol)
	if name == "" || len(d.errs) > 0 {
		return
	}
	at := n
	if p := n.Get("protocol"); p != nil {
		at = p
	}
	var names []string
	for _, p := range d.opt.Registry.Protocols() {
		names = append(names, p.Name)
	}
	if !slices.Contains(names, name) {
		d.errorf(at, "protocol %s: there is none of that name%s", suggest.Quoted(name), suggest.Hint(name, names))
		return
	}
	if p := n.Get("params"); p != nil {
		at = p
	}
	spec := cells.CellSpec{ID: cells.ID(cmp.Or(d.c.NodeID, "cell")), Protocol: name, Params: d.c.Params, Ports: d.c.PortNames()}
	if _, err := d.opt.Registry.MakeProtocol(spec); err != nil {
		d.errorf(at, "protocol %s: %v", name, err)
	}
}
