// Package metrics shows a live run as numbers: to Prometheus, and as JSON.
//
// What there is to show is one plain value, [CellMetrics] of a process that has
// cells or [DatacenterMetrics] of a controller; a function gives it at each
// scrape, and the handler makes it what the asker wants:
//
//	mux.Handle("GET /metrics", metrics.Cell(node.Metrics))
//	mux.Handle("GET /status.json", metrics.CellJSON(node.Metrics))
//
// A registry of its own serves each handler, so that nothing that some library
// registers for everybody shows up, and two sites in one process do not meet. Labels are
// cell, port, link and reason only: how many series there are follows from the
// topology. Units are seconds and bytes, names start with dsim_, and what only
// grows ends in _total; process_ and go_ are those of every Go program.
//
// Two kinds of numbers stand beside each other. Those of ports are the cells'
// own: they are part of the site's state, and a replay has the same. Those of
// wires are the driver's: what the system did with the frames, which no cell sees.
//
// Reading from a driver is left to who owns it, instruments to package meter.
package metrics
