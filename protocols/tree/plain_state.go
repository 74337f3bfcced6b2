package tree

import (
	"errors"
	"strconv"
	"strings"

	"example.com/dsim/cells"
)

var errPlain = errors.New("the plain reading takes rtp, trees and stats")

// AppendState shows the same of the plain reading as of ours, as far as there
// is anything.
func (p *plain) AppendState(a []cells.Attr) []cells.Attr {
	members := 1
	for i := range p.ports {
		members += len(p.ports[i].paths)
	}
	a = append(a,
		cells.IntAttr("trees", int64(len(p.trees))),
		cells.IntAttr("members", int64(members)),
		cells.IntAttr("builds_sent", int64(p.builds)),
		cells.IntAttr("acks_sent", int64(p.acks)),
		cells.IntAttr("invalidations", int64(p.invalidations)),
		cells.IntAttr("joined", int64(p.joined)),
		cells.IntAttr("abandoned", int64(p.abandoned)),
		cells.IntAttr("tokens_back", int64(p.tokens)),
		cells.IntAttr("malformed", int64(p.malformed)),
		cells.BoolAttr("root", p.config.Root),
		cells.TextAttr("reading", Plain))
	for i := range p.ports {
		if q := &p.ports[i]; q.up && q.instance != "" {
			a = append(a, cells.TextAttr("tree."+q.own, "hops=0 instance="+q.instance+" leafward="+q.name),
				cells.TextAttr("paths."+q.own, q.list()))
		}
	}
	for _, t := range p.trees {
		q := &p.ports[t.rootward]
		var b strings.Builder
		b.WriteString("hops=" + strconv.FormatUint(t.hops, 10) + " rootward=" + q.name + " parent=" + q.peer +
			" instance=" + t.instance + " leafward=")
		for i, n := range t.leafward {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(p.ports[n].name)
		}
		a = append(a, cells.TextAttr("tree."+t.id, b.String()))
	}
	return a
}

// list is the list of ports that have joined by a port, as in our reading: of
// each link first the port nearer to the root. A path that came rootward names
// the ports on the way, each nearer to the root, and last the one that joined.
func (q *plainPort) list() string {
	var all []string
	for _, path := range q.paths {
		names := strings.Split(path, ",")
		near := q.own
		if len(names) > 1 {
			near = names[len(names)-2]
		}
		all = append(all, near, names[len(names)-1])
	}
	return strings.Join(all, ",")
}
