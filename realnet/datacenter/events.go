package datacenter

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
)

// Event is one thing that happened to a datacenter.
type Event struct {
	N       uint64    `json:"n" doc:"counted from 1, over all events there ever were"`
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind" doc:"such as cell-added, link-cut, cell-died, batch-refused"`
	Cell    cells.ID  `json:"cell,omitempty"`
	Link    string    `json:"link,omitempty"`
	Version uint64    `json:"version,string,omitempty" doc:"of the batch that did it"`
	Text    string    `json:"text,omitempty"`
}

// ring keeps the last events and hands them to whoever listens.
type ring struct {
	mu   sync.Mutex
	kept []Event // a ring once it is full
	n    uint64
	more chan struct{} // closed at the next event
	over bool
	died map[string]uint64 // processes that ended unasked, by how
}

func newRing(size int) *ring {
	return &ring{kept: make([]Event, 0, size), more: make(chan struct{}), died: make(map[string]uint64)}
}

func (r *ring) add(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	r.n++
	e.N = r.n
	if len(r.kept) < cap(r.kept) {
		r.kept = append(r.kept, e)
	} else {
		r.kept[(r.n-1)%uint64(cap(r.kept))] = e
	}
	close(r.more)
	r.more = make(chan struct{})
}

// end counts a process that ended unasked. How processes end is one of few words:
// a signal or an exit code.
func (r *ring) end(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.died[why]++
}

// lost is how many processes ended unasked, by how.
func (r *ring) lost() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.died)
}

// counts is how many events there were, and how many processes ended unasked.
func (r *ring) counts() (events, lost uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.died {
		lost += n
	}
	return r.n, lost
}

// close tells all who listen that nothing more comes.
func (r *ring) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.over = true
		close(r.more)
	}
}

// after gives the kept events after the n-th, at most max of them, oldest first;
// a channel that is closed when there are more; and whether the ring has ended.
func (r *ring) after(n uint64, most int) (list []Event, more <-chan struct{}, over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.n - uint64(len(r.kept)) // the number before the oldest kept
	if n > r.n {
		n = first // counted by another controller: begin anew
	}
	for i := max(n, first); i < r.n && len(list) < most; i++ {
		list = append(list, r.kept[i%uint64(cap(r.kept))])
	}
	return list, r.more, r.over
}

// note keeps an event.
func (c *Controller) note(e Event) {
	e.Time = clock.Wall()
	c.events.add(e)
	c.log.Debug(e.Kind, "cell", e.Cell, "link", e.Link, "version", e.Version, "text", e.Text)
}

// Events are the last events after the n-th, at most so many; a channel that is
// closed when there are more; and whether none will come any more.
func (c *Controller) Events(n uint64, most int) (list []Event, more <-chan struct{}, over bool) {
	return c.events.after(n, most)
}

// told notes what a batch did, and prints the lines of the document.
func (p *plan) told() {
	c, b := p.c, p.batch
	for _, change := range ordered(b.Changes) {
		e := Event{Version: b.Version, Cell: change.Cell.ID, Link: change.Link.Name}
		switch l := change.Link; change.Op {
		case cells.AddCell:
			e.Kind, e.Text = "cell-added", change.Cell.Protocol
			c.line("Added cell %s", e.Cell)
		case cells.RemoveCell:
			for _, name := range p.with[e.Cell] {
				c.note(Event{Kind: "link-removed", Link: name, Version: b.Version, Text: "with cell " + string(e.Cell)})
				c.line("Removed link %s", name)
			}
			e.Kind = "cell-removed"
			c.line("Removed cell %s", e.Cell)
		case cells.SetCell:
			e.Kind, e.Text = "cell-set", paramText(change.Cell.Params)
		case cells.AddLink:
			e.Kind, e.Text = "link-added", l.A.String()+" "+l.B.String()
			c.line("%s", addedLink(l))
		case cells.RemoveLink:
			e.Kind = "link-removed"
			c.line("Removed link %s", e.Link)
		case cells.SetLink:
			e.Kind, e.Text = "link-set", linkText(l)
		}
		c.note(e)
	}
}

// addedLink is the document's line for a new link.
func addedLink(l cells.LinkSpec) string {
	return fmt.Sprintf("Added link %s: %s ↔ %s", l.Name, l.A, l.B)
}

// paramText is parameters in a line.
func paramText(list []cells.Param) string {
	text := ""
	for i, q := range list {
		if i > 0 {
			text += " "
		}
		text += q.String()
	}
	return text
}

// linkText is a link's parameters in a line: those of one direction behind its
// sign.
func linkText(l cells.LinkSpec) string {
	text := paramText(l.Both)
	for _, q := range l.AB {
		text += " >" + q.String()
	}
	for _, q := range l.BA {
		text += " <" + q.String()
	}
	if text != "" && text[0] == ' ' {
		text = text[1:]
	}
	return text
}
