package node

import (
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des/suggest"
	"example.com/dsim/links"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/replay/site"
)

// portConfig is what a port is bound with, in the words of the document: a struct
// of port_name, unix_socket or interface, ber and log_level; and in ours: link,
// peer, stream, seed, and every parameter of links.
type portConfig struct {
	wire   socket.Config
	link   string // the link's name
	peer   cells.Endpoint
	stream bool
	params []cells.Param // of what the port sends
	level  *slog.Level
}

// The keys of a port's configuration that are no parameters of its link.
var portKeys = []string{"port_name", "unix_socket", "interface", "log_level", "link", "peer", "stream", "seed"}

// CheckPort says what is wrong with a port's configuration, nil if nothing is. It
// looks at no file and no interface.
func CheckPort(port string, config map[string]any) error {
	_, err := parsePort(port, config, "")
	return err
}

// parsePort reads a port's configuration. If it has a seed, it must be the cell's.
func parsePort(port string, config map[string]any, seed string) (p portConfig, err error) {
	p.link = port
	wire := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(config)) {
		v := config[key]
		switch key {
		case "unix_socket", "interface":
			wire[key] = v
		case "stream":
			text, _ := paramText(v)
			if p.stream, err = strconv.ParseBool(text); err != nil {
				err = fmt.Errorf("stream: want true or false")
			}
		case "port_name", "log_level", "link", "peer", "seed":
			err = p.word(port, key, v, seed)
		default:
			err = p.param(key, v)
		}
		if err != nil {
			return p, err
		}
	}
	if p.wire, err = socket.ParsePort(wire); err != nil {
		return p, err
	}
	if p.peer.Cell == "" {
		p.peer.Port = port // somebody without a name
	}
	return p, links.CheckParams(p.stream, p.params)
}

// word reads a key that is a text.
func (p *portConfig) word(port, key string, v any, seed string) error {
	text, ok := paramText(v)
	if !ok || text == "" {
		return fmt.Errorf("%s: want a text", key)
	}
	switch key {
	case "port_name":
		if text != port {
			return fmt.Errorf("port_name %q: the port is %q", text, port)
		}
	case "log_level":
		level, err := ParseLevel(text)
		if err != nil {
			return fmt.Errorf("log_level: %w", err)
		}
		p.level = &level
	case "link":
		p.link = text
	case "peer":
		id, at, _ := strings.Cut(text, ":")
		p.peer = cells.Endpoint{Cell: cells.ID(id), Port: at}
		if id == "" {
			return fmt.Errorf("peer %q: want cell:port", text)
		}
	case "seed":
		if text != seed {
			return fmt.Errorf("seed %s: chance is the cell's, which was started with --seed %s", text, seed)
		}
	}
	return nil
}

// param reads a parameter of the link.
func (p *portConfig) param(key string, v any) error {
	text, ok := paramText(v)
	if !ok {
		return fmt.Errorf("%s: want a text or a number", key)
	}
	names := slices.Clone(portKeys)
	for _, i := range links.ParamInfos() {
		names = append(names, i.Name)
	}
	if !slices.Contains(names, key) {
		return fmt.Errorf("no key %s%s", suggest.Quoted(key), suggest.Hint(key, names))
	}
	if err := links.CheckParam(key, text); err != nil {
		return err
	}
	p.params = append(p.params, cells.Param{Name: key, Value: text})
	return nil
}

// paramText is a value of XML-RPC as scenario files have it.
func paramText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v), true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}

// where is what a port is bound to, in the document's words.
func where(w socket.Config) string {
	switch w.Kind {
	case "unix", "unix-stream":
		return w.Path
	}
	return w.String()
}

// Bind binds a port. The same once more is no error; anything else is, until the
// port is unbound.
func (n *Node) Bind(port string, config map[string]any) (string, error) {
	n.change.Lock()
	defer n.change.Unlock()
	end, err := n.endpoint(port)
	if err != nil {
		return "", err
	}
	p, err := parsePort(end.Port, config, n.opt.Seed.String())
	if err != nil {
		return "", fmt.Errorf("%s: %w", port, err)
	}
	if l, _, found := n.linkAt(end); found {
		if was, ours := n.bound[l.Name]; ours && reflect.DeepEqual(was, p) {
			return fmt.Sprintf("Bound %s to %s", port, where(p.wire)), nil
		}
		return "", fmt.Errorf("%s: is bound already, by link %s; unbind it first", port, l.Name)
	}
	link := cells.LinkSpec{Name: p.link, A: end, B: p.peer, Stream: p.stream, AB: p.params}
	batch := []cells.Change{{Op: cells.AddLink, Link: link}}
	if p.level != nil {
		n.opt.Log.SetLevel(linkLogger+p.link, *p.level)
	}
	version := n.version() + 1
	err = n.driver.Prepare(version, batch, map[string]socket.Config{p.link: p.wire})
	if err == nil {
		err = n.driver.Commit(version)
	}
	if err != nil {
		n.opt.Log.clearLevel(linkLogger + p.link)
		return "", fmt.Errorf("%s: %w", port, err)
	}
	n.bound[p.link] = p
	n.settle()
	n.log.Info("bound", "link", p.link, "port", port, "to", where(p.wire))
	return fmt.Sprintf("Bound %s to %s", port, where(p.wire)), nil
}

// Unbind takes a port's link away, and its socket.
func (n *Node) Unbind(port string) (string, error) {
	n.change.Lock()
	defer n.change.Unlock()
	end, err := n.endpoint(port)
	if err != nil {
		return "", err
	}
	l, _, found := n.linkAt(end)
	if !found {
		return port + " not found", nil
	}
	err = n.driver.Apply(n.version()+1, []cells.Change{{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: l.Name}}})
	if err != nil {
		return "", fmt.Errorf("%s: %w", port, err)
	}
	n.log.Info("unbound", "link", l.Name, "port", port)
	n.settle()
	return "Unbound " + port, nil
}

// LinkStatus is "connected" once a port is bound, as the document has it, and
// "unbound" before.
func (n *Node) LinkStatus(port string) (string, error) {
	end, err := n.endpoint(port)
	if err != nil {
		return "", err
	}
	if _, _, found := n.linkAt(end); found {
		return "connected", nil
	}
	return "unbound", nil
}

// endpoint is a port by name: of the only cell, or of the one named before a
// colon.
func (n *Node) endpoint(port string) (cells.Endpoint, error) {
	if id, p, named := strings.Cut(port, ":"); named {
		if !n.hasCell(cells.ID(id)) {
			return cells.Endpoint{}, fmt.Errorf("port %q: no cell %q here", port, id)
		}
		return cells.Endpoint{Cell: cells.ID(id), Port: p}, nil
	}
	if port == "" {
		return cells.Endpoint{}, fmt.Errorf("a port has a name")
	}
	var ids []cells.ID
	n.driver.View(func(s *site.Site) { ids = cellsOf(s) })
	if len(ids) != 1 {
		return cells.Endpoint{}, fmt.Errorf("port %q: there are %d cells here: say cell:port", port, len(ids))
	}
	return cells.Endpoint{Cell: ids[0], Port: port}, nil
}

func (n *Node) hasCell(id cells.ID) (found bool) {
	n.driver.View(func(s *site.Site) { _, found = s.Host().Find(id) })
	return found
}

// cellsOf lists the cells that a site has now.
func cellsOf(s *site.Site) (ids []cells.ID) {
	h := s.Host()
	for i := range h.Len() {
		if ref := cells.CellRef(i); h.Run(ref) != cells.Removed {
			ids = append(ids, h.Name(ref))
		}
	}
	return ids
}

// linkAt is the link at a port, and which end of it that is.
func (n *Node) linkAt(end cells.Endpoint) (l cells.LinkStatus, side int, found bool) {
	for _, l := range n.driver.Snapshot().Links {
		if side := slices.Index(l.Ends[:], end.String()); side >= 0 {
			return l, side, true
		}
	}
	return cells.LinkStatus{}, 0, false
}

func (n *Node) version() (v uint64) {
	n.driver.View(func(s *site.Site) { v = s.Network().Version() })
	return v
}

// settle follows a batch: ports that are new keep their events, and what was known
// of links that are gone is forgotten.
func (n *Node) settle() {
	n.driver.View(func(s *site.Site) {
		if n.opt.Events > 0 {
			n.keepEvents(s)
		}
		for link := range n.bound {
			if !hasLink(s, link) {
				delete(n.bound, link)
				n.opt.Log.clearLevel(linkLogger + link)
			}
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		for link := range n.faults {
			if !hasLink(s, link) {
				delete(n.faults, link)
			}
		}
	})
}

func hasLink(s *site.Site, name string) bool {
	return slices.ContainsFunc(s.Network().Snapshot().Links, func(l cells.LinkStatus) bool { return l.Name == name })
}

// keepEvents keeps the events of all ports with a name. A port that is bound again
// begins anew.
func (n *Node) keepEvents(s *site.Site) {
	h := s.Host()
	kept := make(map[cells.PortRef]bool)
	for _, id := range cellsOf(s) {
		ref, _ := h.Find(id)
		for _, p := range h.PortsOf(ref) {
			if !n.events[p] {
				h.KeepLog(ref, p, n.opt.Events)
			}
			kept[p] = true
		}
	}
	n.events = kept
}
