package switchyard

import (
	"cmp"
	"container/heap"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des"
	"example.com/dsim/des/suggest"
)

// Impairment is what a fabric does to the copies of frames that go from one
// endpoint to another. As text:
//
//	drop=10% dup=1% reorder=5% gap=2ms latency=5ms jitter=0ms..2ms
//
// The n-th copy of a pair is judged by four words of the pair's own random
// stream, "impair FROM>TO", at the addresses (n, 0) drop, (n, 1) dup, (n, 2)
// reorder and (n, 3) jitter: so no verdict moves another, on this pair or any
// other. A copy that is dropped is not duplicated. Copies of a pair keep their
// order, however long they take; one that is reordered is late by the gap, and
// lets others pass. A duplicate arrives right behind its first.
type Impairment struct {
	Drop, Dup, Reorder des.Ratio
	Gap                time.Duration
	Latency            time.Duration
	Jitter             des.Sampler // added to the latency; nil is none
	text               string
}

// gapDefault is how late a reordered copy is if nothing is said.
const gapDefault = time.Millisecond

// DelayMax bounds latency, jitter and gap.
const DelayMax = time.Hour

var impairKeys = []string{"drop", "dup", "reorder", "gap", "latency", "jitter"}

// ParseImpairment reads an Impairment. The empty text is none.
func ParseImpairment(text string) (Impairment, error) {
	words := impairWords(text)
	m := Impairment{Gap: gapDefault, text: strings.Join(words, " ")}
	for i, w := range words {
		key, value, ok := strings.Cut(w, "=")
		if !ok || !slices.Contains(impairKeys, key) {
			return Impairment{}, fmt.Errorf("no impairment %s%s", suggest.Quoted(w), suggest.Hint(key, impairKeys))
		}
		if twice(words[:i], w) {
			return Impairment{}, fmt.Errorf("%s stands there twice", key)
		}
		var err error
		switch key {
		case "drop":
			m.Drop, err = des.ParseRatio(value)
		case "dup":
			m.Dup, err = des.ParseRatio(value)
		case "reorder":
			m.Reorder, err = des.ParseRatio(value)
		case "gap":
			m.Gap, err = parseDelay(value)
		case "latency":
			m.Latency, err = parseDelay(value)
		case "jitter":
			m.Jitter, err = parseJitter(value)
		}
		if err != nil {
			return Impairment{}, fmt.Errorf("%s %s: %w", key, suggest.Quoted(value), err)
		}
	}
	return m, nil
}

// impairWords are the words of an impairment. A blank within brackets parts
// none: "uniform(0ms, 2ms)" is one.
func impairWords(text string) (words []string) {
	open, word := 0, ""
	for _, r := range text {
		switch {
		case r == '(':
			open++
		case r == ')':
			open--
		case r == ' ' || r == '\t':
			if open <= 0 && word != "" {
				words = append(words, word)
				word = ""
			}
			continue
		}
		word += string(r)
	}
	if word != "" {
		words = append(words, word)
	}
	return words
}

func parseDelay(s string) (time.Duration, error) {
	d, err := des.ParseDuration(s)
	if err == nil && (d < 0 || d > int64(DelayMax)) {
		err = fmt.Errorf("want 0 to %s", DelayMax)
	}
	return time.Duration(d), err
}

// parseJitter reads a distribution, or two ends as 0ms..5ms: lists of words in
// scenarios can hold no comma.
func parseJitter(s string) (des.Sampler, error) {
	if lo, hi, ok := strings.Cut(s, ".."); ok {
		s = "uniform(" + lo + ", " + hi + ")"
	}
	j, err := des.ParseSampler(s, des.ParseDuration)
	if err == nil && (j.Min() < 0 || j.Max() > int64(DelayMax)) {
		err = fmt.Errorf("want times from 0 to %s", DelayMax)
	}
	return j, err
}

// String is the impairment as text.
func (m *Impairment) String() string { return m.text }

// pair is the names of two endpoints; anyone stands for all of them.
type pair struct{ from, to string }

const anyone = "*"

// path is one pair of endpoints that copies went between.
type path struct {
	rand    *cells.Rand
	n       uint64     // copies so far
	last    clock.Time // when the last of them arrives that was not reordered
	waiting int        // of those not reordered
}

// pathsMax bounds the pairs whose copies are judged; more pass as they are, and
// are counted. Pairs with an endpoint that is gone make room.
const pathsMax = 1 << 16

// clearPaths forgets the pairs whose endpoints are gone.
func (f *fabric) clearPaths() {
	for k := range f.paths { //dsim:sorted what is deleted does not depend on the order
		if f.byID[k[0]] == nil || f.byID[k[1]] == nil {
			delete(f.paths, k)
		}
	}
	f.left = false
}

// impairment finds what holds for a pair: what is said of the two, or of the
// one it goes to, or of the one it comes from, or of all.
func (f *fabric) impairment(from, to *endpoint) *Impairment {
	for _, k := range [...]pair{{from.name, to.name}, {anyone, to.name}, {from.name, anyone}, {anyone, anyone}} {
		if m := f.impaired[k]; m != nil {
			return m
		}
	}
	return nil
}

// impair judges a copy, and reports how many of it arrive now. Others arrive
// later.
func (f *fabric) impair(e cells.Env, from, to *endpoint, frame []byte, sum int64) int {
	m := f.impairment(from, to)
	if m == nil {
		return 1
	}
	k := [2]uint32{from.id, to.id}
	w := f.paths[k]
	if w == nil {
		if len(f.paths) >= pathsMax && f.left {
			f.clearPaths()
		}
		if len(f.paths) >= pathsMax {
			f.counts.unimpaired++
			return 1
		}
		w = &path{rand: e.Rand("impair " + from.name + ">" + to.name)}
		f.paths[k] = w
	}
	n := w.n
	w.n++
	if m.Drop.Hit(w.rand.At(n, 0)) {
		f.counts.impaired++
		e.Emit(KindImpaired, int64(to.id), 0)
		return 0
	}
	copies := 1
	if m.Dup.Hit(w.rand.At(n, 1)) {
		copies = 2
		f.counts.duplicated++
	}
	due := e.Now().Add(m.Latency)
	if m.Jitter != nil {
		due = due.Add(time.Duration(max(m.Jitter.Sample(w.rand.At(n, 3)), 0)))
	}
	behind := w // whom others wait for
	if m.Reorder.Hit(w.rand.At(n, 2)) {
		due = due.Add(m.Gap)
		f.counts.reordered++
		behind = nil
	} else {
		due = max(due, w.last)
		w.last = due
	}
	if due <= e.Now() && w.waiting == 0 {
		if copies > 1 {
			e.Emit(KindImpaired, int64(to.id), int64(copies))
		}
		return copies
	}
	if len(f.later)+copies > LaterMax || f.laterBytes+copies*len(frame) > LaterBytesMax {
		f.counts.impaired += uint64(copies) // no room to let them wait in
		e.Emit(KindImpaired, int64(to.id), 0)
		return 0
	}
	e.Emit(KindImpaired, int64(to.id), int64(copies)<<8)
	own := slices.Clone(frame)
	for range copies {
		f.postpone(e, late{due: due, to: to, path: behind, frame: own, sum: sum})
		if behind != nil {
			behind.waiting++
		}
	}
	f.counts.delayed += uint64(copies)
	f.counts.waiting += uint64(copies)
	return 0
}

// late is a frame that is still to come: a copy for an endpoint, or one that is
// replayed.
type late struct {
	due   clock.Time
	seq   uint64
	to    *endpoint // nil: replayed
	path  *path     // a copy that is not reordered
	from  uint32    // replayed: the endpoint that sent it
	n     uint64    // replayed: its number in the ring
	frame []byte
	sum   int64
}

// laterHeap is what is still to come: by time, then in order.
type laterHeap []late

func (h laterHeap) Len() int { return len(h) }

// Less orders by time, then by number.
func (h laterHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].due, h[j].due), cmp.Compare(h[i].seq, h[j].seq)) < 0
}

// Swap swaps two.
func (h laterHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push adds one; heap calls it.
func (h *laterHeap) Push(x interface{}) { *h = append(*h, x.(late)) }

// Pop takes the last off; heap calls it.
func (h *laterHeap) Pop() interface{} {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = late{}
	*h = (*h)[:last]
	return x
}

// postpone lets a frame come later.
func (f *fabric) postpone(e cells.Env, x late) {
	f.laterSeq++
	x.seq = f.laterSeq
	f.laterBytes += len(x.frame)
	heap.Push(&f.later, x)
	if f.later[0].seq == x.seq {
		e.Arm(timerLater, x.due.Sub(e.Now()))
	}
}

// arrivals lets what is due arrive.
func (f *fabric) arrivals(e cells.Env) {
	for len(f.later) > 0 && f.later[0].due <= e.Now() {
		x := heap.Pop(&f.later).(late)
		f.laterBytes -= len(x.frame)
		if x.path != nil {
			x.path.waiting--
		}
		if x.to == nil {
			f.replayed(e, &x)
			continue
		}
		f.counts.waiting--
		if x.to.removed {
			f.counts.vanished++
		} else {
			e.Emit(KindLate, int64(x.to.id), x.sum)
			f.arrive(e, x.to, x.frame, x.sum, again)
			f.mirror(e)
		}
	}
	if len(f.later) > 0 {
		e.Arm(timerLater, f.later[0].due.Sub(e.Now()))
	}
}

// handleImpair takes an IMPAIR_SET.
func (f *fabric) handleImpair(e cells.Env, c *client, m Message) {
	o, err := parseObject(m.Payload)
	var k pair
	var set string
	if err == nil {
		k.from, err = o.text("from")
	}
	if err == nil {
		k.to, err = o.text("to")
	}
	if err == nil {
		set, err = o.text("set")
	}
	if err == nil {
		err = f.setImpairment(k, set)
	}
	if err != nil {
		f.refuse(e, c, "bad IMPAIR_SET: "+err.Error())
		return
	}
	f.answer(e, c, Message{TypeOK, 0, 0, []byte("{}")})
}

// impairText reads "FROM TO what happens".
func (f *fabric) impairText(text string) error {
	words := strings.Fields(text)
	if len(words) < 2 {
		return fmt.Errorf("%s: want FROM TO and what happens", suggest.Quoted(text))
	}
	return f.setImpairment(pair{words[0], words[1]}, strings.Join(words[2:], " "))
}

// impairmentsMax bounds what is said of pairs.
const impairmentsMax = 1 << 12

// setImpairment says what happens between two endpoints, from now on. Nothing
// ends what was said before.
func (f *fabric) setImpairment(k pair, text string) error {
	for _, name := range [...]*string{&k.from, &k.to} {
		if *name == "" {
			*name = anyone
		}
		if err := checkName(*name); err != nil {
			return err
		}
	}
	m, err := ParseImpairment(text)
	if err != nil {
		return err
	}
	if m.text == "" {
		delete(f.impaired, k)
		return nil
	}
	if f.impaired[k] == nil && len(f.impaired) >= impairmentsMax {
		return fmt.Errorf("there are %d impairments already", impairmentsMax)
	}
	f.impaired[k] = &m
	return nil
}

// impairLines lists what is said of pairs, in the order of names.
func (f *fabric) impairLines() (lines []string) {
	keys := slices.SortedFunc(maps.Keys(f.impaired), func(a, b pair) int {
		return cmp.Or(strings.Compare(a.from, b.from), strings.Compare(a.to, b.to))
	})
	for _, k := range keys {
		lines = append(lines, fmt.Sprintf("%s %s %s", k.from, k.to, f.impaired[k]))
	}
	return lines
}
