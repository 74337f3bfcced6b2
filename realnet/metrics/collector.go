package metrics

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/meter"
)

// metric is one family: a description and how its value grows.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func counter(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("dsim_"+name, help, labels, nil), prometheus.CounterValue}
}

func gauge(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("dsim_"+name, help, labels, nil), prometheus.GaugeValue}
}

func histogram(name, help string, labels ...string) metric {
	return metric{desc: prometheus.NewDesc("dsim_"+name, help, labels, nil)}
}

// The labels of what is counted at a port, and of a drop there.
var (
	atPort   = []string{"cell", "port", "link"}
	atReason = []string{"cell", "port", "link", "reason"}
)

// runStates gives the numbers of dsim_cell_run_state.
var runStates = []string{"none", cells.Running.String(), cells.Paused.String(), cells.Crashed.String(), cells.Removed.String()}

// The families of cells, ports, wires and links.
var (
	cellUp            = gauge("cell_up", "Whether the cell's process answers and the cell runs.", "cell")
	cellRunState      = gauge("cell_run_state", "What the cell does: 0 not known, 1 running, 2 paused, 3 crashed, 4 removed.", "cell")
	cellIncarnation   = gauge("cell_incarnation", "How often the cell was started anew.", "cell")
	cellRetransmitted = counter("cell_retransmitted_frames_total", "Frames that the protocol says it sent again.", "cell")

	portUp       = gauge("port_up", "Whether the cell may send on the port.", atPort...)
	portTxFrames = counter("port_sent_frames_total", "Frames, or writes to a stream, that the cell sent on the port.", atPort...)
	portTxBytes  = counter("port_sent_bytes_total", "Bytes that the cell sent on the port.", atPort...)
	portRxFrames = counter("port_received_frames_total", "Frames, or chunks of a stream, that the cell received on the port.", atPort...)
	portRxBytes  = counter("port_received_bytes_total", "Bytes that the cell received on the port.", atPort...)
	portDrops    = counter("port_dropped_frames_total", "Frames sent on the port that were dropped before the wire, or arrived for nobody, by reason.", atReason...)
	portActivity = gauge("port_last_activity_timestamp_seconds", "When a frame was last sent or received on the port.", atPort...)

	wireUp        = gauge("wire_up", "Whether the wire behind the port is connected.", atPort...)
	wireTxFrames  = counter("wire_sent_frames_total", "Frames that the system took from the wire.", atPort...)
	wireTxBytes   = counter("wire_sent_bytes_total", "Bytes of these frames.", atPort...)
	wireRxFrames  = counter("wire_received_frames_total", "Frames that the system gave to the wire.", atPort...)
	wireRxBytes   = counter("wire_received_bytes_total", "Bytes of these frames.", atPort...)
	wireDrops     = counter("wire_dropped_frames_total", "Frames that the system did not take, by reason; no cell sees it.", atReason...)
	wireBadFrames = counter("wire_bad_frames_total", "Frames that arrived and were refused: framing, hop limit, sender.", atPort...)
	wireQueued    = gauge("wire_queued_bytes", "Bytes that wait in a stream's writer.", atPort...)
	wireConnects  = counter("wire_connects_total", "How often the wire came to be connected.", atPort...)
	wireLastTx    = gauge("wire_last_sent_timestamp_seconds", "When the system last took a frame from the wire.", atPort...)
	wireLastRx    = gauge("wire_last_received_timestamp_seconds", "When the system last gave a frame to the wire.", atPort...)
	portRoundTrip = histogram("port_round_trip_seconds", "From the first frame sent after one was received to the next that is received, at the wire.", atPort...)

	linkUp    = gauge("link_up", "Whether the link is connected and not cut.", "link")
	linkCut   = gauge("link_cut", "Whether a direction of the link is cut.", "link")
	linkState = gauge("link_state", "The less connected end of the link: 0 not known, 1 dead, 2 bound, 3 handshaking, 4 connected, 5 disconnected.", "link")

	topology = gauge("topology_version", "The version of the topology.")
	inputs   = counter("site_inputs_total", "Inputs that the site took.")
	lateness = histogram("lateness_seconds", "How much later than due timers fired and frames left.")
	late     = counter("late_total", "Timers and frames that were later than the run's bound.")

	batches  = counter("datacenter_applied_batches_total", "Batches of changes that were carried out on all cells.")
	refusals = counter("datacenter_refused_batches_total", "Batches of changes that were refused.")
	events   = counter("datacenter_events_total", "Events of the controller's log.")
	lost     = counter("datacenter_lost_cells_total", "Processes of cells that ended without being asked to, by reason.", "reason")
	viewers  = gauge("datacenter_viewers", "Who follows the events or the status page now.")
)

var (
	ofCells = []metric{
		cellUp, cellRunState, cellIncarnation, cellRetransmitted,
		portUp, portTxFrames, portTxBytes, portRxFrames, portRxBytes, portDrops, portActivity,
		wireUp, wireTxFrames, wireTxBytes, wireRxFrames, wireRxBytes, wireDrops, wireBadFrames, wireQueued, wireConnects, wireLastTx, wireLastRx, portRoundTrip,
		linkUp, linkCut, linkState, topology,
	}
	ofProcess    = []metric{inputs, lateness, late}
	ofDatacenter = []metric{batches, refusals, events, lost, viewers}
)

// collector makes metrics of what a function reports, at each scrape.
type collector struct {
	families []metric
	collect  func(*sink)
}

func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range c.families {
		to <- m.desc
	}
}

func (c *collector) Collect(to chan<- prometheus.Metric) { c.collect(&sink{to}) }

// sink takes the values of one scrape.
type sink struct{ to chan<- prometheus.Metric }

// put sends one value. Labels come from people and from files: what is no text
// must not cost the whole scrape.
func (s *sink) put(m metric, v float64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(m.desc, m.kind, v, texts(labels)...)
}

func (s *sink) flag(m metric, v bool, labels ...string) {
	n := 0.0
	if v {
		n = 1
	}
	s.put(m, n, labels...)
}

func (s *sink) stamp(m metric, t time.Time, labels ...string) {
	if !t.IsZero() {
		s.put(m, float64(t.UnixNano())/1e9, labels...)
	}
}

func (s *sink) spans(m metric, r *meter.Reading, labels ...string) {
	buckets := make(map[float64]uint64, len(r.Buckets))
	for _, b := range r.Buckets {
		buckets[b.AtMost.Seconds()] = b.Count
	}
	s.to <- prometheus.MustNewConstHistogram(m.desc, r.Count, r.Sum.Seconds(), buckets, texts(labels)...)
}

func texts(labels []string) []string {
	all := make([]string, len(labels))
	for i, l := range labels {
		all[i] = strings.ToValidUTF8(l, "\uFFFD")
	}
	return all
}

func (s *sink) process(m *CellMetrics) {
	s.topology(m.Version, m.Cells, m.Links)
	s.put(inputs, float64(m.Inputs))
	if l := m.Lateness; l != nil {
		s.spans(lateness, &l.Spans)
		s.put(late, float64(l.Over))
	}
}

func (s *sink) datacenter(m *DatacenterMetrics) {
	s.topology(m.Version, m.Cells, m.Links)
	s.put(batches, float64(m.Applied))
	s.put(refusals, float64(m.Refused))
	s.put(events, float64(m.Events))
	s.put(viewers, float64(m.Viewers))
	for reason, n := range m.Lost {
		s.put(lost, float64(n), reason)
	}
}

func (s *sink) topology(version uint64, list []CellStatus, links []LinkStatus) {
	s.put(topology, float64(version))
	for i := range list {
		s.cell(&list[i])
	}
	for i := range links {
		l := &links[i]
		s.flag(linkUp, l.State == "connected" && !l.Cut, l.Name)
		s.flag(linkCut, l.Cut, l.Name)
		s.put(linkState, float64(max(slices.Index(LinkStates, l.State), 0)), l.Name)
	}
}

func (s *sink) cell(c *CellStatus) {
	s.flag(cellUp, c.Up, c.ID)
	s.put(cellRunState, float64(max(slices.Index(runStates, c.Run), 0)), c.ID)
	s.put(cellIncarnation, float64(c.Incarnation), c.ID)
	if c.Retransmitted != nil {
		s.put(cellRetransmitted, float64(*c.Retransmitted), c.ID)
	}
	for i := range c.Ports {
		s.port(c.ID, &c.Ports[i])
	}
}

func (s *sink) port(cell string, p *PortStatus) {
	at := []string{cell, p.Name, p.Link}
	s.flag(portUp, p.State == cells.PortUp.String() || p.State == cells.PortEOF.String(), at...)
	s.put(portTxFrames, float64(p.TxFrames), at...)
	s.put(portTxBytes, float64(p.TxBytes), at...)
	s.put(portRxFrames, float64(p.RxFrames), at...)
	s.put(portRxBytes, float64(p.RxBytes), at...)
	for _, d := range p.Drops {
		s.put(portDrops, float64(d.Count), cell, p.Name, p.Link, d.Reason)
	}
	if p.LastActivity != nil {
		s.stamp(portActivity, *p.LastActivity, at...)
	}
	if p.Wire != nil {
		s.wire(at, p.Wire)
	}
}

func (s *sink) wire(at []string, w *WireStatus) {
	k := &w.Counters
	s.flag(wireUp, w.Status == "connected", at...)
	s.put(wireTxFrames, float64(k.TxFrames), at...)
	s.put(wireTxBytes, float64(k.TxBytes), at...)
	s.put(wireRxFrames, float64(k.RxFrames), at...)
	s.put(wireRxBytes, float64(k.RxBytes), at...)
	for _, d := range []struct {
		reason string
		count  uint64
	}{{"full", k.Full}, {"refused", k.Refused}, {"too-long", k.TooLong}, {"error", k.Errors}} {
		s.put(wireDrops, float64(d.count), append(slices.Clone(at), d.reason)...)
	}
	s.put(wireBadFrames, float64(k.BadFrames), at...)
	s.put(wireQueued, float64(k.Queued), at...)
	s.put(wireConnects, float64(k.Connects), at...)
	s.stamp(wireLastTx, k.LastTx, at...)
	s.stamp(wireLastRx, k.LastRx, at...)
	if w.RoundTrips != nil {
		s.spans(portRoundTrip, w.RoundTrips, at...)
	}
}
