package switchyard

import (
	"math"

	"example.com/dsim/cells"
)

// fabricCounts is what a fabric counts. Of copies of frames:
//
//	copies + duplicated = impaired + arrived - mirrored + waiting + vanished
//	offered             = delivered + full
type fabricCounts struct {
	frames, unicast, flooded uint64 // into the fabric
	replayed, orphans        uint64 // once more; whose endpoint is gone
	mirrored                 uint64
	misplaced, foreign       uint64 // no source, or too short; of another connection's endpoint

	copies, duplicated, impaired, delayed, reordered, unimpaired uint64
	waiting, vanished                                            uint64 // still to come; whose endpoint is gone
	arrived, swallowed                                           uint64 // at endpoints; that nobody subscribed to

	offered, delivered, full, blocked uint64 // to subscriptions

	learned, moved, aged, unlearned uint64 // addresses

	greeted, hungUp, crowded, ended, resets, overflows, half uint64 // connections
	errors                                                   uint64

	rules, applied, counted, unmirrored uint64
}

func count(name string, n uint64) cells.Attr {
	return cells.IntAttr(name, int64(min(n, math.MaxInt64)))
}

// AppendState shows the fabric and its counters.
func (f *fabric) AppendState(a []cells.Attr) []cells.Attr {
	c := &f.counts
	return append(a,
		cells.BoolAttr("listening", f.listening),
		count("connections", uint64(len(f.clients))),
		count("endpoints", uint64(len(f.endpoints))),
		count("macs", uint64(len(f.macs))),
		count("subscriptions", f.lastSub),
		count("frames", c.frames), count("unicast", c.unicast), count("flooded", c.flooded),
		count("replayed", c.replayed), count("orphans", c.orphans), count("mirrored", c.mirrored),
		count("misplaced", c.misplaced), count("foreign", c.foreign),
		count("copies", c.copies), count("duplicated", c.duplicated), count("impaired", c.impaired), count("delayed", c.delayed),
		count("reordered", c.reordered), count("unimpaired", c.unimpaired), count("waiting", c.waiting), count("vanished", c.vanished),
		count("arrived", c.arrived), count("swallowed", c.swallowed),
		count("offered", c.offered), count("delivered", c.delivered), count("full", c.full), count("blocked", c.blocked),
		count("learned", c.learned), count("moved", c.moved), count("aged", c.aged), count("unlearned", c.unlearned),
		count("accepted", f.number), count("greeted", c.greeted), count("hung_up", c.hungUp), count("crowded", c.crowded),
		count("ended", c.ended), count("resets", c.resets), count("overflows", c.overflows), count("half", c.half),
		count("errors", c.errors), count("rules", c.rules), count("applied", c.applied), count("counted", c.counted),
		count("unmirrored", c.unmirrored), count("captured", f.ring.last))
}

// endpointStats is an endpoint in STATS.
type endpointStats struct {
	Endpoint      uint32 `json:"endpoint_id"`
	Name          string `json:"name"`
	MAC           string `json:"mac"`
	Subscriptions int    `json:"subscriptions"`
	In            uint64 `json:"in"`
	Out           uint64 `json:"out"`
	Rules         uint64 `json:"rules_version"`
	Applied       uint64 `json:"rules_applied"` // the least that a subscription applies
}

// statsPayload answers STATS_GET. Next is the endpoint to go on with, 0 if there
// are no more. The first page has what is said of pairs, as FROM TO and what
// happens; left out are as many as it has no room for.
type statsPayload struct {
	Counters    map[string]int64 `json:"counters"`
	Endpoints   []endpointStats  `json:"endpoints"`
	Next        uint32           `json:"next"`
	Impairments []string         `json:"impairments,omitempty"`
	LeftOut     int              `json:"impairments_left_out,omitempty"`
}

// impairedBytesMax bounds what a page says of pairs.
const impairedBytesMax = 8 << 10

// statsPage is how many endpoints one STATS holds, so that it fits a queue that
// is bounded like any other.
const statsPage = 32

// handleStats answers with the counters, and a page of endpoints.
func (f *fabric) handleStats(e cells.Env, c *client, m Message) {
	o, err := parseObject(m.Payload)
	var from uint64
	if err == nil {
		from, err = o.number("from", 0, math.MaxUint32)
	}
	if err != nil {
		f.refuse(e, c, "bad STATS_GET: "+err.Error())
		return
	}
	out := statsPayload{Counters: map[string]int64{}, Endpoints: []endpointStats{}}
	for _, a := range f.AppendState(nil) {
		out.Counters[a.Name] = a.Int
	}
	if from <= 1 {
		out.Impairments, out.LeftOut = f.impairedNow()
	}
	for _, p := range f.endpoints {
		switch {
		case uint64(p.id) < from:
		case len(out.Endpoints) == statsPage:
			out.Next = p.id
		default:
			out.Endpoints = append(out.Endpoints, p.stats())
			continue
		}
		if out.Next != 0 {
			break
		}
	}
	f.answer(e, c, Message{TypeStats, 0, 0, encode(out)})
}

// impairedNow is what is said of pairs, and how many more there is no room for.
func (f *fabric) impairedNow() (lines []string, left int) {
	room := impairedBytesMax
	all := f.impairLines()
	for _, line := range all {
		if room -= len(line); room < 0 {
			break
		}
		lines = append(lines, line)
	}
	return lines, len(all) - len(lines)
}

func (p *endpoint) stats() endpointStats {
	s := endpointStats{p.id, p.name, p.mac.String(), len(p.subs), p.tx, p.rx, p.ruled.version, p.ruled.version}
	for _, sub := range p.subs {
		if sub.client.hello.rules && !sub.promisc() {
			s.Applied = min(s.Applied, sub.applied)
		}
	}
	return s
}
