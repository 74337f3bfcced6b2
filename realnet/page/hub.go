package page

import (
	"bytes"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"example.com/dsim/clock"
)

// How often what is looked at.
const (
	eventsEvery = 200 * time.Millisecond
	statusEvery = time.Second            // where little is to be said and asked
	statusSoon  = 300 * time.Millisecond // after an event, at the earliest
	statusLate  = 10 * time.Second       // however much there is
	// statusRate bounds what a viewer is sent, in bytes a second: the more a
	// status has to say, the less often it is said.
	statusRate = 128 << 10
	// statusShare bounds the part of the time in which the source is asked.
	statusShare = 4
)

// eventsKept is how many events one who comes is told.
const eventsKept = 256

// hub asks the source while there are viewers, and keeps what it said. A viewer
// that is slow gets the newest status and is not waited for.
type hub struct {
	source Source
	boot   string // this life of the server; numbers of events are of one life
	name   string

	mu      sync.Mutex
	viewers map[*viewer]bool
	asking  bool
	closed  bool
	stop    chan struct{} // closed with the hub
	kick    chan struct{} // somebody came
	idle    sync.WaitGroup
	status  []byte // the newest, as an event of the stream
	statusN uint64 // how many there were
	events  []Event
}

// viewer is one stream to a browser.
type viewer struct {
	news    chan struct{} // holds one when there is something new
	statusN uint64
	event   uint64 // the last that was sent
}

func newHub(source Source, name string) *hub {
	return &hub{
		source: source, name: name, boot: strconv.FormatInt(clock.Wall().UnixNano(), 36),
		viewers: make(map[*viewer]bool), stop: make(chan struct{}), kick: make(chan struct{}, 1),
	}
}

// join adds a viewer that has seen the events up to one of this life; nil if
// there are too many, or the hub is closed.
func (h *hub) join(after uint64) *viewer {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.viewers) >= viewersMax {
		return nil
	}
	v := &viewer{news: make(chan struct{}, 1), event: after}
	h.viewers[v] = true
	if !h.asking {
		h.asking = true
		v.statusN = h.statusN // what was new when somebody looked last is not any more
		h.idle.Go(h.ask)
	}
	select {
	case h.kick <- struct{}{}:
	default:
	}
	v.tell()
	return v
}

func (h *hub) leave(v *viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.viewers, v)
}

func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.viewers)
}

func (h *hub) close() {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.stop)
	}
	h.mu.Unlock()
	h.idle.Wait()
}

func (v *viewer) tell() {
	select {
	case v.news <- struct{}{}:
	default:
	}
}

// ask asks the source until nobody looks any more.
func (h *hub) ask() {
	tick := time.NewTicker(eventsEvery)
	defer tick.Stop()
	var asked time.Time
	wait := time.Duration(0)
	for {
		h.mu.Lock()
		if h.closed || len(h.viewers) == 0 {
			h.asking = false
			h.mu.Unlock()
			return
		}
		after := uint64(0)
		if n := len(h.events); n > 0 {
			after = h.events[n-1].Number
		}
		h.mu.Unlock()
		if h.take(h.source.Events(after)) {
			wait = min(wait, max(statusSoon, wait/2))
		}
		if now := clock.Wall(); now.Sub(asked) >= wait {
			s := h.source.Status()
			asked = clock.Wall()
			wait = pause(asked.Sub(now), h.show(&s))
		}
		select {
		case <-tick.C:
		case <-h.kick:
			wait = min(wait, statusSoon)
		case <-h.stop:
		}
	}
}

// pause is how long to leave the source alone after an answer that took so long
// and had so many bytes.
func pause(took time.Duration, size int) time.Duration {
	return min(max(statusEvery, statusShare*took, time.Second*time.Duration(size)/statusRate), statusLate)
}

// take keeps new events and reports whether there were any.
func (h *hub) take(list []Event) bool {
	if len(list) == 0 {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, list...)
	if n := len(h.events) - eventsKept; n > 0 {
		h.events = append(h.events[:0], h.events[n:]...)
	}
	for v := range h.viewers {
		v.tell()
	}
	return true
}

// show makes a status the newest, and gives its size.
func (h *hub) show(s *Status) int {
	b := frame("status", "", s)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = b
	h.statusN++
	for v := range h.viewers {
		v.tell()
	}
	return len(b)
}

// next is what a viewer has not seen yet, as text of the stream; empty if there
// is nothing.
func (h *hub) next(v *viewer) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b []byte
	var news []Event
	for i := range h.events {
		if h.events[i].Number > v.event {
			news = append(news, h.events[i])
		}
	}
	if n := len(news); n > 0 {
		v.event = news[n-1].Number
		b = append(b, frame("events", h.boot+"."+strconv.FormatUint(v.event, 10), news)...)
	}
	if h.statusN > v.statusN {
		v.statusN = h.statusN
		b = append(b, h.status...)
	}
	return b
}

// frame makes one event of the stream. JSON has no line break in it.
func frame(kind, id string, data any) []byte {
	var b bytes.Buffer
	if id != "" {
		b.WriteString("id: " + id + "\n")
	}
	b.WriteString("event: " + kind + "\ndata: ")
	text, err := json.Marshal(data)
	if err != nil {
		panic("page: " + err.Error()) // plain values always can
	}
	b.Write(text)
	b.WriteString("\n\n")
	return b.Bytes()
}
