package datacenter

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/realnet/xmlrpc"
)

// The controller's XML-RPC has the methods of the document's DatacenterController,
// with its arguments in its order, or as one struct by their names; the document
// itself calls them port1 in one place and port1_name in another, so both are
// taken. What its methods print is printed, and is their answer too.

// Face gives the controller's methods.
func (c *Controller) Face() *xmlrpc.Server {
	s := xmlrpc.NewServer(xmlrpc.Limits{})
	s.Log = c.log
	for _, m := range []struct {
		name, help string
		call       func(ctx context.Context, a *arguments) (any, error)
	}{
		{"add_cell", "add_cell(cell_id, rpc_url): takes a running cell over; without rpc_url, or with a struct of protocol, params and ports, starts one", c.callAddCell},
		{"remove_cell", "remove_cell(cell_id): removes its links, then shuts it down", c.callRemoveCell},
		{"add_link", "add_link(link_id, cell1_id, port1, cell2_id, port2[, sock_path[, params]]): binds the first end as server and the second as client", c.callAddLink},
		{"remove_link", "remove_link(link_id): unbinds both ends", c.callRemoveLink},
		{"get_cell_status", "get_cell_status(cell_id): its heartbeat, or \"unreachable\"", c.callCellStatus},
		{"get_link_status", "get_link_status(link_id): \"unknown\", or a struct of endpoints and the status of each", c.callLinkStatus},
		{"get_topology", "get_topology(): the names of cells, and the ends of links", c.callTopology},
		{"apply_topology", "apply_topology(version, {cells, links}): makes the topology what is declared, as one batch; version 0 is the next", c.callApply},
		{"update_links", "update_links(version, {remove: [...], set: {...}, add: {...}}): changes links, as one batch", c.callUpdate},
		{"command", "command(cell_id, [words]): gives a cell's protocol a command", c.callCommand},
		{"get_metrics", "get_metrics(): the numbers of all cells and links, as JSON text", c.callMetrics},
		{"heartbeat", "heartbeat(): \"alive\"", func(context.Context, *arguments) (any, error) { return "alive", nil }},
	} {
		s.Handle(m.name, xmlrpc.Method{Help: m.help, Call: func(ctx context.Context, args []any) (any, error) {
			a := &arguments{method: m.name, list: args}
			if len(args) == 1 {
				a.named, _ = args[0].(xmlrpc.Struct)
			}
			return m.call(ctx, a)
		}})
	}
	return s
}

// arguments are those of one call, by place or by name.
type arguments struct {
	method string
	list   []any
	named  xmlrpc.Struct // they came as one struct
	used   int
	err    error
}

// next is the next argument, which may have several names; nil if there is none.
func (a *arguments) next(names ...string) any {
	if a.named != nil {
		for _, name := range names {
			if v, ok := a.named[name]; ok {
				a.used++
				return v
			}
		}
		return nil
	}
	if a.used >= len(a.list) {
		return nil
	}
	a.used++
	return a.list[a.used-1]
}

// text is the next argument, a string.
func (a *arguments) text(names ...string) string {
	v := a.next(names...)
	s, ok := v.(string)
	if !ok && a.err == nil {
		a.err = xmlrpc.Faultf(xmlrpc.FaultParams, "%s: %s: want a string, not %T", a.method, names[0], v)
		if v == nil {
			a.err = xmlrpc.Faultf(xmlrpc.FaultParams, "%s: %s is missing", a.method, names[0])
		}
	}
	return s
}

// maybe is the next argument, a string, or empty.
func (a *arguments) maybe(names ...string) string {
	if v := a.next(names...); v != nil {
		s, ok := v.(string)
		if !ok && a.err == nil {
			a.err = xmlrpc.Faultf(xmlrpc.FaultParams, "%s: %s: want a string, not %T", a.method, names[0], v)
		}
		return s
	}
	return ""
}

// into reads the next argument, a struct, into what JSON would read it into.
func (a *arguments) into(to any, names ...string) {
	v := a.next(names...)
	if v == nil {
		return
	}
	a.decode(v, to, names[0])
}

func (a *arguments) decode(v, to any, name string) {
	if a.err != nil {
		return
	}
	if _, ok := v.(xmlrpc.Struct); !ok {
		a.err = xmlrpc.Faultf(xmlrpc.FaultParams, "%s: %s: want a struct, not %T", a.method, name, v)
		return
	}
	if err := strict(v, to); err != nil {
		a.err = xmlrpc.Faultf(xmlrpc.FaultParams, "%s: %s: %v", a.method, name, err)
	}
}

// version is the next argument: a number, as one or as its digits.
func (a *arguments) version() uint64 {
	switch v := a.next("version").(type) {
	case int64:
		if v >= 0 {
			return uint64(v)
		}
	case string:
		if n, err := strconv.ParseUint(v, 10, 64); err == nil {
			return n
		}
	}
	if a.err == nil {
		a.err = xmlrpc.Faultf(xmlrpc.FaultParams, "%s: version: want a number from 0", a.method)
	}
	return 0
}

// end makes sure that there is nothing else.
func (a *arguments) end() error {
	n := len(a.list)
	if a.named != nil {
		n = len(a.named)
	}
	if a.err == nil && a.used < n {
		if a.named != nil {
			return xmlrpc.Faultf(xmlrpc.FaultParams, "%s: the struct has a member that is none of its arguments", a.method)
		}
		return xmlrpc.Faultf(xmlrpc.FaultParams, "%s: %d arguments: at most %d", a.method, n, a.used)
	}
	return a.err
}

func (c *Controller) callAddCell(ctx context.Context, a *arguments) (any, error) {
	id := a.text("cell_id", "id")
	var body CellBody
	switch {
	case a.named != nil:
		body.URL = a.maybe("rpc_url", "url")
		body.Protocol = a.maybe("protocol")
		rest := maps.Clone(a.named)
		maps.DeleteFunc(rest, func(k string, _ any) bool { return k != "params" && k != "ports" && k != "elsewhere" })
		a.used += len(rest)
		a.decode(rest, &body, "cell")
	case len(a.list) > 1:
		if _, isText := a.list[1].(string); isText {
			body.URL = a.text("rpc_url")
		} else {
			a.into(&body, "cell")
		}
	}
	if err := a.end(); err != nil {
		return nil, err
	}
	if s, err := c.site(cells.ID(id)); err == nil && sameCell(bodyOf(s.spec, s.place), body) {
		return c.line("Added cell %s", id), nil
	}
	var b Batch
	if err := b.add(&ChangeBody{Op: "add-cell", Name: id, Cell: &body}); err != nil {
		return nil, err
	}
	if _, err := c.Next(ctx, b); err != nil {
		return nil, err
	}
	return fmt.Sprintf("[DC] Added cell %s", id), nil
}

func (c *Controller) callRemoveCell(ctx context.Context, a *arguments) (any, error) {
	id := a.text("cell_id", "id")
	if err := a.end(); err != nil {
		return nil, err
	}
	if _, err := c.site(cells.ID(id)); err != nil {
		return c.line("Cell %s not found", id), nil //nolint:nilerr // what the document's controller says of it
	}
	b := Batch{Changes: []cells.Change{{Op: cells.RemoveCell, Cell: cells.CellSpec{ID: cells.ID(id)}}}}
	if _, err := c.Next(ctx, b); err != nil {
		return nil, err
	}
	return fmt.Sprintf("[DC] Removed cell %s", id), nil
}

func (c *Controller) callAddLink(ctx context.Context, a *arguments) (any, error) {
	l := cells.LinkSpec{Name: a.text("link_id", "id")}
	l.A = cells.Endpoint{Cell: cells.ID(a.text("cell1_id", "cell1")), Port: a.text("port1", "port1_name")}
	l.B = cells.Endpoint{Cell: cells.ID(a.text("cell2_id", "cell2")), Port: a.text("port2", "port2_name")}
	path := a.maybe("sock_path", "path")
	var more map[string]any
	a.into(&more, "params")
	if ber := a.named["ber"]; ber != nil {
		a.used++
		l.Both = append(l.Both, cells.Param{Name: "ber", Value: wordOf(ber)})
	}
	if err := a.end(); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(more)) {
		l.Both = append(l.Both, cells.Param{Name: name, Value: wordOf(more[name])})
	}
	b := Batch{Changes: []cells.Change{{Op: cells.AddLink, Link: l}}}
	if path != "" {
		b.Wires = map[string][2]socket.Config{l.Name: {
			{Kind: "unix", Path: path, Mode: "server"}, {Kind: "unix", Path: path, Mode: "client"},
		}}
	}
	if _, err := c.Next(ctx, b); err != nil {
		return nil, err
	}
	return "[DC] " + addedLink(l), nil
}

// wordOf is a value as a parameter's text.
func wordOf(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

func (c *Controller) callRemoveLink(ctx context.Context, a *arguments) (any, error) {
	id := a.text("link_id", "id")
	if err := a.end(); err != nil {
		return nil, err
	}
	if !c.hasLink(id) {
		return c.line("Link %s not found", id), nil
	}
	b := Batch{Changes: []cells.Change{{Op: cells.RemoveLink, Link: cells.LinkSpec{Name: id}}}}
	if _, err := c.Next(ctx, b); err != nil {
		return nil, err
	}
	return fmt.Sprintf("[DC] Removed link %s", id), nil
}

func (c *Controller) hasLink(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.lines[name]
	return ok
}

func (c *Controller) callCellStatus(ctx context.Context, a *arguments) (any, error) {
	id := a.text("cell_id", "id")
	if err := a.end(); err != nil {
		return nil, err
	}
	return c.Heartbeat(ctx, cells.ID(id)), nil
}

// unreachable is the status of what does not answer.
const unreachable = "unreachable"

// Heartbeat is what a cell's process says when it is asked whether it is there,
// or "unreachable".
func (c *Controller) Heartbeat(ctx context.Context, id cells.ID) string {
	s, err := c.site(id)
	if err != nil {
		return unreachable
	}
	answer := ""
	if s.ask(func(r *remote) error { answer, err = r.heartbeat(ctx); return err }) != nil {
		return unreachable
	}
	return answer
}

func (c *Controller) callLinkStatus(ctx context.Context, a *arguments) (any, error) {
	id := a.text("link_id", "id")
	if err := a.end(); err != nil {
		return nil, err
	}
	ends, status, ok := c.LinkStatus(ctx, id)
	if !ok {
		return "unknown", nil
	}
	pair := func(e cells.Endpoint) xmlrpc.Array { return xmlrpc.Array{string(e.Cell), e.Port} }
	return xmlrpc.Struct{
		"endpoints": xmlrpc.Array{pair(ends[0]), pair(ends[1])},
		"status":    xmlrpc.Array{status[0], status[1]},
	}, nil
}

// LinkStatus is what the two ends of a link say of it, "unreachable" of one that
// does not answer; false if there is no such link.
func (c *Controller) LinkStatus(ctx context.Context, name string) (ends [2]cells.Endpoint, status [2]string, ok bool) {
	c.mu.Lock()
	l, ok := c.lines[name]
	c.mu.Unlock()
	if !ok {
		return ends, status, false
	}
	ends = [2]cells.Endpoint{l.spec.A, l.spec.B}
	status = [2]string{unreachable, unreachable}
	each([]int{0, 1}, 2, func(k int) error {
		if s, err := c.site(ends[k].Cell); err == nil {
			s.linkStatus(ctx, ends[k].Port, &status[k])
		}
		return nil
	})
	return ends, status, true
}

// linkStatus asks for the status of a port's link; it is left as it is if there is
// no answer.
func (s *site) linkStatus(ctx context.Context, port string, status *string) {
	_ = s.ask(func(r *remote) error {
		answer, err := r.linkStatus(ctx, port)
		if err == nil {
			*status = answer
		}
		return err
	})
}

func (c *Controller) callTopology(_ context.Context, a *arguments) (any, error) {
	if err := a.end(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	sites := slices.Collect(maps.Values(c.sites))
	slices.SortFunc(sites, func(a, b *site) int { return int(int64(a.added) - int64(b.added)) })
	names := make(xmlrpc.Array, len(sites)) // as they came, as the document has them
	for i, s := range sites {
		names[i] = string(s.id)
	}
	links := make(xmlrpc.Struct, len(c.lines))
	for name, l := range c.lines {
		links[name] = xmlrpc.Struct{"endpoints": xmlrpc.Array{l.spec.A.String(), l.spec.B.String()}}
	}
	return xmlrpc.Struct{"cells": names, "links": links}, nil
}

func (c *Controller) callApply(ctx context.Context, a *arguments) (any, error) {
	version := a.version()
	var t Topology
	if a.named == nil {
		a.into(&t, "topology")
	} else {
		rest := maps.Clone(a.named)
		delete(rest, "version")
		a.used += len(rest)
		a.decode(rest, &t, "topology")
	}
	if err := a.end(); err != nil {
		return nil, err
	}
	v, err := c.Declare(ctx, version, t)
	return number(v), err
}

func (c *Controller) callUpdate(ctx context.Context, a *arguments) (any, error) {
	version := a.version()
	var u struct {
		Remove []string            `json:"remove"`
		Set    map[string]LinkBody `json:"set"`
		Add    map[string]LinkBody `json:"add"`
	}
	a.into(&u, "changes")
	if err := a.end(); err != nil {
		return nil, err
	}
	b := Batch{Version: version}
	var changes []ChangeBody
	for _, name := range u.Remove {
		changes = append(changes, ChangeBody{Op: "remove-link", Name: name})
	}
	for _, list := range []struct {
		op    string
		links map[string]LinkBody
	}{{"set-link", u.Set}, {"add-link", u.Add}} {
		for _, name := range slices.Sorted(maps.Keys(list.links)) {
			body := list.links[name]
			changes = append(changes, ChangeBody{Op: list.op, Name: name, Link: &body})
		}
	}
	v, err := c.ApplyBodies(ctx, b.Version, changes)
	return number(v), err
}

// ApplyBodies carries out a batch of changes as they come over HTTP. Version 0
// stands for the one after the last.
func (c *Controller) ApplyBodies(ctx context.Context, version uint64, changes []ChangeBody) (uint64, error) {
	b := Batch{Version: version}
	for i := range changes {
		if err := b.add(&changes[i]); err != nil {
			return 0, err
		}
	}
	if version == 0 {
		return c.Next(ctx, b)
	}
	return version, c.ApplyBatch(ctx, b)
}

// number is a version as XML-RPC can carry it.
func number(v uint64) any {
	if v <= math.MaxInt32 {
		return int64(v)
	}
	return strconv.FormatUint(v, 10)
}

func (c *Controller) callCommand(_ context.Context, a *arguments) (any, error) {
	id := a.text("cell_id", "id")
	var words []string
	list, _ := a.next("words", "args").(xmlrpc.Array)
	for _, w := range list {
		s, ok := w.(string)
		if !ok {
			return nil, xmlrpc.Faultf(xmlrpc.FaultParams, "command: a word is a string, not %T", w)
		}
		words = append(words, s)
	}
	if err := a.end(); err != nil {
		return nil, err
	}
	return c.Command(cells.ID(id), words)
}

func (c *Controller) callMetrics(_ context.Context, a *arguments) (any, error) {
	if err := a.end(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(c.Metrics())
	if err != nil {
		return nil, err
	}
	return string(b), nil
}
