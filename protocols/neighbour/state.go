package neighbour

import "example.com/dsim/cells"

// AppendState shows the link protocol's counters, where each port is with its
// neighbour, and what the upper protocol shows.
func (l *layer) AppendState(a []cells.Attr) []cells.Attr {
	n := 0
	for i := range l.ports {
		if p := &l.ports[i]; p.up && p.state == connected {
			n++
		}
	}
	a = append(a,
		cells.IntAttr("connected_ports", int64(n)),
		cells.IntAttr("links_opened", int64(l.Opened)),
		cells.IntAttr("links_lost", int64(l.Lost)),
		cells.IntAttr("links_anew", int64(l.Anew)),
		cells.IntAttr("asks_sent", int64(l.Asks)),
		cells.IntAttr("answers_sent", int64(l.Answers)),
		cells.IntAttr("heartbeats_sent", int64(l.Heartbeats)),
		cells.IntAttr("resent", int64(l.Resent)),
		cells.IntAttr("repeats", int64(l.Repeats)),
		cells.IntAttr("stray", int64(l.Stray)))
	for i := range l.ports {
		if p := &l.ports[i]; p.up {
			a = append(a, cells.TextAttr(p.attr, stateNames[p.state]))
		}
	}
	if u, ok := l.upper.(cells.Inspector); ok {
		a = u.AppendState(a)
	}
	return a
}
