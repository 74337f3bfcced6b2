package switchyard

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/des/suggest"
)

// ring keeps the last frames that came into a fabric.
type ring struct {
	frames []captured // from head on, in order; before it, the free ones
	head   int
	bytes  int
	last   uint64 // the number of the last one
}

// captured is a frame as it came in. Numbers count from 1.
type captured struct {
	Number   uint64 `json:"number"`
	Time     int64  `json:"time_ns"` // by the fabric's own clock, since it began
	Endpoint uint32 `json:"endpoint_id"`
	Frame    []byte `json:"frame"` // base64 in JSON
}

// kept are the frames that are there, oldest first.
func (r *ring) kept() []captured { return r.frames[r.head:] }

// capture keeps a frame, and lets the oldest go for it.
func (f *fabric) capture(e cells.Env, from *endpoint, frame []byte) {
	r := &f.ring
	if f.config.Capture == 0 || len(frame) > f.config.CaptureBytes {
		return
	}
	for len(r.kept()) > 0 && (len(r.kept()) >= f.config.Capture || r.bytes+len(frame) > f.config.CaptureBytes) {
		r.bytes -= len(r.frames[r.head].Frame)
		r.frames[r.head].Frame = nil
		r.head++
	}
	if r.head > len(r.frames)/2 && r.head > 64 {
		n := copy(r.frames, r.frames[r.head:])
		clear(r.frames[n:])
		r.frames, r.head = r.frames[:n], 0
	}
	r.last++
	r.bytes += len(frame)
	r.frames = append(r.frames, captured{r.last, int64(e.Now()), from.id, slices.Clone(frame)})
}

// span are the frames with numbers from lo to hi that are there.
func (r *ring) span(lo, hi uint64) []captured {
	kept := r.kept()
	from := len(kept)
	for i := range kept {
		if kept[i].Number >= lo {
			from = i
			break
		}
	}
	to := from
	for to < len(kept) && kept[to].Number <= hi {
		to++
	}
	return kept[from:to]
}

// capturePayload answers CAPTURE_GET. Next is where to go on, 0 if there is no
// more now.
type capturePayload struct {
	Frames []captured `json:"frames"`
	Next   uint64     `json:"next"`
}

// captureRoom is what a frame takes in JSON beside its bytes.
const captureRoom = 120

// handleCapture answers with as many of the frames asked for as a message holds.
func (f *fabric) handleCapture(e cells.Env, c *client, m Message) {
	o, err := parseObject(m.Payload)
	var from, most uint64
	if err == nil {
		from, err = o.number("from", 1, math.MaxInt64)
	}
	if err == nil {
		most, err = o.number("max", math.MaxInt32, math.MaxInt32)
	}
	if err != nil {
		f.refuse(e, c, "bad CAPTURE_GET: "+err.Error())
		return
	}
	// Answers are control: they must leave the queue room for more of them.
	room := min(PayloadMax, f.config.Limit-Overhead) - captureRoom
	out := capturePayload{Frames: []captured{}}
	for _, x := range f.ring.span(from, math.MaxUint64) {
		size := captureRoom + (len(x.Frame)+2)/3*4
		if uint64(len(out.Frames)) >= most || size > room {
			out.Next = x.Number
			break
		}
		room -= size
		out.Frames = append(out.Frames, x)
	}
	if len(out.Frames) == 0 && out.Next != 0 && most > 0 {
		out.Next++ // a frame that no message holds is passed over
	}
	f.answer(e, c, Message{TypeCaptureData, 0, 0, encode(out)})
}

// replayRequest says what is replayed: which frames, and how far apart they
// come, as so many times the spacing they had.
type replayRequest struct {
	from, to uint64
	num, den int64
}

// scaleMax bounds the numerator and the denominator of a scale.
const scaleMax = 1_000_000

// parseScale reads "original", a whole number, or a fraction as 1/10; 0 is all
// at once.
func parseScale(s string) (num, den int64, err error) {
	if s == "" || s == "original" {
		return 1, 1, nil
	}
	a, b, cut := strings.Cut(s, "/")
	num, err = strconv.ParseInt(a, 10, 64)
	den = 1
	if cut && err == nil {
		den, err = strconv.ParseInt(b, 10, 64)
	}
	if err != nil || num < 0 || num > scaleMax || den < 1 || den > scaleMax {
		return 0, 0, fmt.Errorf("scale %s: want original, a whole number, or a fraction as 1/10, up to %d", suggest.Quoted(s), scaleMax)
	}
	return num, den, nil
}

// handleReplay takes a REPLAY.
func (f *fabric) handleReplay(e cells.Env, c *client, m Message) {
	o, err := parseObject(m.Payload)
	var r replayRequest
	scale := ""
	if err == nil {
		scale, err = o.text("scale")
	}
	if err == nil {
		r.num, r.den, err = parseScale(scale)
	}
	if err == nil {
		r.from, err = o.number("from", 1, math.MaxInt64)
	}
	if err == nil {
		r.to, err = o.number("to", math.MaxInt64, math.MaxInt64)
	}
	n := 0
	if err == nil {
		n, err = f.replay(e, r)
	}
	if err != nil {
		f.refuse(e, c, "bad REPLAY: "+err.Error())
		return
	}
	f.answer(e, c, Message{TypeOK, 0, 0, encode(struct {
		Frames int `json:"frames"`
	}{n})})
}

// replay lets captured frames come again, as if their endpoints had sent them
// again: the first at once, the others after it as they did, scaled.
func (f *fabric) replay(e cells.Env, r replayRequest) (int, error) {
	frames := f.ring.span(r.from, r.to)
	if len(frames) == 0 {
		return 0, errors.New("no such frames are there any more")
	}
	size := 0
	for _, x := range frames {
		size += len(x.Frame)
	}
	if len(f.later)+len(frames) > LaterMax || f.laterBytes+size > LaterBytesMax {
		return 0, fmt.Errorf("%d frames of %d bytes wait already: at most %d of %d can", len(f.later), f.laterBytes, LaterMax, LaterBytesMax)
	}
	now := e.Now()
	for _, x := range frames {
		f.postpone(e, late{
			due: now.Add(scaled(time.Duration(x.Time-frames[0].Time), r.num, r.den)), from: x.Endpoint, n: x.Number, frame: x.Frame, sum: Sum(x.Frame),
		})
	}
	return len(frames), nil
}

// scaled is d times num/den, at most what a clock holds.
func scaled(d time.Duration, num, den int64) time.Duration {
	whole, rest := int64(d)/den, int64(d)%den
	if num > 0 && whole > int64(clock.Never)/4/num {
		return time.Duration(int64(clock.Never) / 4)
	}
	return time.Duration(whole*num + rest*num/den)
}

// replayed lets a captured frame come again, if its endpoint is still there. It
// is not captured again.
func (f *fabric) replayed(e cells.Env, x *late) {
	p := f.byID[x.from]
	if p == nil {
		f.counts.orphans++
		return
	}
	f.counts.replayed++
	e.Emit(KindReplayed, int64(p.id), int64(x.n))
	e.Emit(KindFrame, x.sum, int64(len(x.frame)))
	f.forward(e, p, x.frame, x.sum)
	f.mirror(e)
}
