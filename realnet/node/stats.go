package node

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/links"
	"example.com/dsim/realnet"
	"example.com/dsim/realnet/meter"
	"example.com/dsim/realnet/metrics"
	"example.com/dsim/realnet/xmlrpc"
	"example.com/dsim/replay/site"
)

// view is the site at one moment, with what its links count and what is behind
// them.
type view struct {
	cells.Snapshot
	counts map[string][2]links.Counts
	wires  map[string]realnet.WireStatus
	inputs uint64
}

func (n *Node) view() *view {
	v := &view{counts: make(map[string][2]links.Counts), wires: make(map[string]realnet.WireStatus)}
	n.driver.View(func(s *site.Site) {
		v.Snapshot, v.inputs = s.Network().Snapshot(), s.Inputs()
		for i := range v.Links {
			v.counts[v.Links[i].Name], _ = s.Network().Link(v.Links[i].Name)
		}
	})
	for _, w := range n.driver.Wires() {
		v.wires[w.Link] = w
	}
	return v
}

// cell finds a cell: the only one, if no name is given.
func (v *view) cell(name string) (*cells.CellStatus, error) {
	if name == "" && len(v.Cells) == 1 {
		return &v.Cells[0], nil
	}
	for i := range v.Cells {
		if c := &v.Cells[i]; string(c.ID) == name {
			return c, nil
		}
	}
	if name == "" {
		return nil, fmt.Errorf("there are %d cells here: say which", len(v.Cells))
	}
	return nil, fmt.Errorf("no cell %q here", name)
}

// link is the link at a port of a cell, and the end that is the port's.
func (v *view) link(portid string) (l *cells.LinkStatus, side int) {
	for i := range v.Links {
		if side := slices.Index(v.Links[i].Ends[:], portid); side >= 0 {
			return &v.Links[i], side
		}
	}
	return nil, 0
}

// number is a count as XML-RPC carries it: an int, or a double once it is beyond
// 31 bits.
func number(n uint64) any {
	if n <= math.MaxInt32 {
		return int64(n)
	}
	return float64(n)
}

func seconds(d time.Duration) float64 { return d.Seconds() }

// neighbourID is what the first implementation calls the port at the other end.
const neighbourID = "neighbor_portid" //nolint:misspell // its spelling

// portStats is a port as a struct of XML-RPC: the names are those of the first
// implementation, and then our own.
func (n *Node) portStats(v *view, c *cells.CellStatus, p *cells.PortStatus) xmlrpc.Struct {
	id := string(c.ID) + ":" + p.Info.Name
	s := xmlrpc.Struct{
		"name": p.Info.Name, "portid": id, "status": "unbound", "link_state": "unbound", "port_state": p.Info.State.String(),
		"packets_sent": number(p.Counters.TxFrames), "packets_received": number(p.Counters.RxFrames),
		"bytes_sent": number(p.Counters.TxBytes), "bytes_received": number(p.Counters.RxBytes),
		"events":          number(p.Counters.TxFrames + p.Counters.RxFrames),
		"fault_injection": xmlrpc.Struct{"active": false}, neighbourID: "",
		"drops": drops(p.Counters.Drops), "mtu": int64(p.Info.MTU),
	}
	if p.Counters.TxFrames+p.Counters.RxFrames > 0 {
		s["last_activity"] = n.driver.Start().Add(time.Duration(p.Counters.Last))
	}
	l, side := v.link(id)
	if l == nil {
		return s
	}
	s["status"], s["link_state"], s["link"] = "connected", "connected", l.Name
	if peer := l.Ends[1-side]; !strings.HasPrefix(peer, ":") {
		s[neighbourID] = peer
	}
	counts := v.counts[l.Name][side]
	s["frames_in_flight"] = number(inFlight(&counts))
	s["frames_corrupted"], s["frames_duplicated"] = number(counts.Corrupted), number(counts.Duplicated)
	params := xmlrpc.Struct{}
	for _, q := range [2][]cells.Param{l.AB, l.BA}[side] {
		params[q.Name] = q.Value
	}
	s["params"] = params
	s["fault_injection"] = n.faultStats(l.Name, params)
	if w, real := v.wires[l.Name]; real {
		s["link_state"] = w.Status
		s["wire"] = wireStats(&w)
	}
	if i := slices.IndexFunc(c.State, func(a cells.Attr) bool { return a.Name == "link."+p.Info.Name }); i >= 0 {
		s["link_state"] = c.State[i].Text // as the link protocol sees it
	}
	return s
}

// inFlight is what a link has taken from its end here and neither let through nor
// dropped.
func inFlight(c *links.Counts) uint64 {
	in, out := c.Sent+c.Duplicated, c.Delivered+c.Dropped
	return in - min(in, out)
}

func (n *Node) faultStats(link string, params xmlrpc.Struct) xmlrpc.Struct {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := xmlrpc.Struct{"active": false}
	f := n.faults[link]
	if f == nil {
		return s
	}
	s["active"] = true
	for kind, names := range f.kinds {
		set := xmlrpc.Struct{}
		for _, name := range names {
			set[name] = params[name]
			if set[name] == nil {
				set[name] = valueOf(nil, name)
			}
		}
		s[kind] = set
	}
	return s
}

func drops(list []cells.ReasonCount) xmlrpc.Struct {
	s := xmlrpc.Struct{}
	for _, d := range list {
		s[d.Reason] = number(d.Count)
	}
	return s
}

func wireStats(w *realnet.WireStatus) xmlrpc.Struct {
	s := xmlrpc.Struct{
		"kind": w.Config.Kind, "to": where(w.Config), "status": w.Status, "role": w.Role, "local": w.Local, "remote": w.Remote, "problem": w.Problem,
		"tx_frames": number(w.Counters.TxFrames), "tx_bytes": number(w.Counters.TxBytes),
		"rx_frames": number(w.Counters.RxFrames), "rx_bytes": number(w.Counters.RxBytes),
		"full": number(w.Counters.Full), "refused": number(w.Counters.Refused), "too_long": number(w.Counters.TooLong),
		"errors": number(w.Counters.Errors), "bad_frames": number(w.Counters.BadFrames + w.Bad), "queued": number(w.Counters.Queued),
		"connects": number(w.Counters.Connects), "round_trips": spans(&w.RoundTrips),
	}
	for key, t := range map[string]time.Time{"last_rx": w.Counters.LastRx, "last_tx": w.Counters.LastTx} {
		if !t.IsZero() {
			s[key] = t
		}
	}
	return s
}

// spans is a histogram in seconds.
func spans(r *meter.Reading) xmlrpc.Struct {
	buckets := xmlrpc.Array{}
	for _, b := range r.Buckets {
		buckets = append(buckets, xmlrpc.Struct{"at_most": seconds(b.AtMost), "count": number(b.Count)})
	}
	return xmlrpc.Struct{"count": number(r.Count), "sum": seconds(r.Sum), "max": seconds(r.Max), "buckets": buckets}
}

// getMetrics is the method of that name.
func (n *Node) getMetrics(cell string) (any, error) {
	v := n.view()
	c, err := v.cell(cell)
	if err != nil {
		return nil, err
	}
	ports := xmlrpc.Struct{}
	flying := uint64(0)
	for i := range c.Ports {
		p := &c.Ports[i]
		s := n.portStats(v, c, p)
		ports[s["portid"].(string)] = s
		if l, side := v.link(string(c.ID) + ":" + p.Info.Name); l != nil {
			counts := v.counts[l.Name][side]
			flying += inFlight(&counts)
		}
	}
	late := n.driver.Lateness()
	return xmlrpc.Struct{
		"cell_id": string(c.ID), "uptime": seconds(clock.Wall().Sub(n.begun)), "protocol": c.Protocol,
		"incarnation": number(uint64(c.Incarnation)), "version": strconv.FormatUint(v.Version, 10),
		"ports": ports, "agent": agentStats(c), "frames_in_flight": number(flying), "retransmission": retransmission(c),
		"lateness": xmlrpc.Struct{"over": number(late.Over), "bound": seconds(late.Bound), "timers": spans(&late.Timers), "sends": spans(&late.Sends)},
	}, nil
}

// agentStats is what a cell's protocol shows; trees and paths apart, as the first
// implementation has them.
func agentStats(c *cells.CellStatus) xmlrpc.Struct {
	state, trees, paths := xmlrpc.Struct{}, xmlrpc.Struct{}, xmlrpc.Struct{}
	for _, a := range c.State {
		switch {
		case strings.HasPrefix(a.Name, "tree."):
			trees[strings.TrimPrefix(a.Name, "tree.")] = a.Text
		case strings.HasPrefix(a.Name, "paths."):
			paths[strings.TrimPrefix(a.Name, "paths.")] = a.Text
		default:
			state[a.Name] = attrValue(a)
		}
	}
	return xmlrpc.Struct{
		"status": c.Run.String(), "node_id": string(c.ID), "protocol": c.Protocol, "state": state,
		"trees": trees, "trees_count": len(trees), "port_paths": paths,
	}
}

func attrValue(a cells.Attr) any {
	switch {
	case a.Is == cells.IsText:
		return a.Text
	case a.Is == cells.IsBool:
		return a.Int != 0
	case a.Int >= math.MinInt32 && a.Int <= math.MaxInt32:
		return a.Int
	}
	return float64(a.Int)
}

// windowNames are the attributes by which protocols show what they have sent, and
// wait for, and sent again.
var windowNames = []string{
	"retransmitted", "resent", "in_flight", "waiting", "window", "pending", "acked", "stale_acks", "accepted", "repeated", "rtt_ns", "bit",
}

func retransmission(c *cells.CellStatus) xmlrpc.Struct {
	s := xmlrpc.Struct{}
	for _, a := range c.State {
		if slices.Contains(windowNames, a.Name) {
			s[a.Name] = attrValue(a)
		}
	}
	return s
}

// getPortStats is the method of that name.
func (n *Node) getPortStats(port string) (any, error) {
	end, err := n.endpoint(port)
	if err != nil {
		return nil, err
	}
	v := n.view()
	c, err := v.cell(string(end.Cell))
	if err != nil {
		return nil, err
	}
	for i := range c.Ports {
		if p := &c.Ports[i]; p.Info.Name == end.Port {
			return n.portStats(v, c, p), nil
		}
	}
	return nil, fmt.Errorf("%s not found", port)
}

// eventLog is the method event_log: a port's last events, oldest first.
func (n *Node) eventLog(port string, last int64) (any, error) {
	end, err := n.endpoint(port)
	if err != nil {
		return nil, err
	}
	out := xmlrpc.Array{}
	found := false
	n.driver.View(func(s *site.Site) {
		ref, _ := s.Host().Find(end.Cell)
		p, ok := s.Host().StaticPort(ref, end.Port)
		if found = ok; !ok {
			return
		}
		list := s.Host().EventLog(ref, p)
		list = list[max(int64(len(list))-max(last, 0), 0):]
		for _, e := range list {
			out = append(out, xmlrpc.Struct{
				"t": e.Time.Sub(0).Seconds(), "t_ns": strconv.FormatInt(int64(e.Time), 10), "kind": e.Op, "bytes": int64(e.Bytes), "note": e.Note,
			})
		}
	})
	if !found {
		return nil, fmt.Errorf("%s not found", port)
	}
	return out, nil
}

// Metrics is all there is to show, for package metrics.
func (n *Node) Metrics() metrics.CellMetrics {
	v := n.view()
	m := metrics.CellMetrics{
		Process: metrics.Process{Name: n.opt.Name, PID: os.Getpid(), Build: n.opt.Build, Start: n.begun},
		Version: v.Version, Inputs: v.inputs,
		Cells: metrics.Cells(&v.Snapshot, n.driver.Start()), Links: metrics.Links(&v.Snapshot),
	}
	for _, name := range slices.Sorted(maps.Keys(v.wires)) {
		w := v.wires[name]
		trips := w.RoundTrips
		metrics.Attach(m.Cells, m.Links, string(w.Cell), w.Port, w.Link, &metrics.WireStatus{
			Kind: w.Config.Kind, Status: w.Status, Role: w.Role, Problem: w.Problem, Counters: w.Counters, RoundTrips: &trips,
		})
	}
	late := n.driver.Lateness()
	m.Lateness = lateness(&late)
	return m
}

// lateness joins that of timers and that of sends.
func lateness(l *realnet.Lateness) *metrics.Lateness {
	out := &metrics.Lateness{Bound: l.Bound, Over: l.Over, Spans: l.Timers}
	out.Spans.Count += l.Sends.Count
	out.Spans.Sum += l.Sends.Sum
	out.Spans.Max = max(l.Timers.Max, l.Sends.Max)
	out.Spans.Buckets = slices.Clone(l.Timers.Buckets)
	for i := range out.Spans.Buckets {
		if i < len(l.Sends.Buckets) && cmp.Compare(l.Sends.Buckets[i].AtMost, out.Spans.Buckets[i].AtMost) == 0 {
			out.Spans.Buckets[i].Count += l.Sends.Buckets[i].Count
		}
	}
	return out
}

// portsJSON is the method ports: the counters of ports, and of what is behind them.
func (n *Node) portsJSON() (any, error) {
	m := n.Metrics()
	return toJSON(m.Cells)
}
