package links

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/des"
)

// Cut says what a direction does with frames while it is cut.
type Cut uint8

const (
	CutNo    Cut = iota // not cut
	CutLost             // what is on the way is lost, and what is sent
	CutDrain            // what is on the way arrives; what is sent is lost
	CutHold             // everything waits until the direction is released
)

var cutNames = []string{"no", "lost", "drain", "hold"}

// String is the word for c.
func (c Cut) String() string { return cutNames[c] }

// Recut says how a stream's bytes are cut into chunks on their way.
type Recut uint8

const (
	RecutFull Recut = iota // cut and joined anywhere, by seed
	RecutCut               // cut anywhere, never joined
	RecutNone              // as they were sent, up to a segment's size
)

var recutNames = []string{"full", "cut", "none"}

// String is the word for r.
func (r Recut) String() string { return recutNames[r] }

// Bound limits a queue; 0 is no limit.
type Bound struct{ Frames, Bytes uint64 }

// Params are what one direction of a link does to what it carries. The zero
// value carries everything at once and unharmed.
type Params struct {
	Delay  time.Duration // propagation
	Jitter des.Sampler   // added to Delay per frame; what is below zero counts as zero
	Rate   uint64        // of the channel, bits per second: delays delivery; 0 is unlimited
	Speed  uint64        // of the interface, bits per second: holds the next frame back; 0 is unlimited
	Queue  Bound         // of frames waiting for the interface, the one in transmission included
	Buffer Bound         // of frames waiting for the channel, likewise

	Loss  des.Ratio // independent, per frame
	Burst Burst     // Gilbert-Elliott

	Dup          des.Ratio   // that a frame arrives more than once
	DupCopies    uint8       // how many copies more; at least 1
	Reorder      des.Ratio   // that a frame is late, and others may overtake it
	ReorderDelay des.Sampler // by how much
	BER          des.Ratio   // that a bit is flipped, independent
	Corrupt      des.Ratio   // that a run of bits of a frame is scrambled
	CorruptBits  uint32      // how long the run is
	FCS          bool        // a frame check sequence drops what is corrupted
	MTU          int         // the longest frame, bytes; 0 is no limit
	Cut          Cut         //
	Hold         uint64      // how many frames may be held while cut with hold
	FIFO         bool        // that jitter delays followers instead of letting them overtake

	// Stream links.
	Bound          int64         // bytes a stream may have queued
	Segment        int           // the most bytes in one segment
	Recut          Recut         //
	Refuse         des.Ratio     // that a connect is refused
	ConnectDelay   des.Sampler   // added to the answer to a connect
	ConnectTimeout time.Duration // how long a dial waits for an answer
	Reset          des.Ratio     // that a segment breaks its connection
}

// Burst is a Gilbert-Elliott channel: two states, each with its own loss; a
// step is made per frame, before the frame is judged.
type Burst struct {
	Enter    des.Ratio // from good to bad
	Leave    des.Ratio // from bad to good
	Loss     des.Ratio // in the bad state
	LossGood des.Ratio // in the good state
}

var oneMillisecond = func() des.Sampler {
	s, err := des.ParseSampler("1ms", des.ParseDuration)
	if err != nil {
		panic("links: " + err.Error())
	}
	return s
}()

// Limits of parameters.
const (
	DelayMax    = 100 * 365 * 24 * time.Hour
	CopiesMax   = 100
	BoundMax    = 1 << 30
	MTUMax      = 1 << 20
	SegmentMax  = 1 << 16
	HoldDefault = 1 << 16

	// QueueDefault is how many frames wait for a transmitter where nothing is
	// said: as long as the queue of an Ethernet interface usually is.
	QueueDefault = 1000
)

// Defaults are the parameters of a link that says nothing.
func Defaults() Params {
	return Params{
		DupCopies: 1, CorruptBits: 8, Hold: HoldDefault, FIFO: true,
		Burst:        Burst{Loss: des.Ratio{Num: 1, Den: 1}},
		ReorderDelay: oneMillisecond,
		Queue:        Bound{Frames: QueueDefault},
		Buffer:       Bound{Frames: QueueDefault},
		Bound:        64 << 10, Segment: 1460, ConnectTimeout: 30 * time.Second,
	}
}

// Type says what text a parameter takes.
type Type string

// The types of parameters.
const (
	TypeDuration Type = "duration"     // 10ms
	TypeSampler  Type = "distribution" // 10ms, uniform(1ms, 5ms), normal(10ms, 2ms), …
	TypeRate     Type = "rate"         // 100Mbit
	TypeSize     Type = "size"         // 1500B, 64KiB
	TypeCount    Type = "count"        // 100
	TypeRatio    Type = "probability"  // 10%, 1e-5, 1/3
	TypeBool     Type = "bool"         // true, false
	TypeEnum     Type = "enum"         // one of OneOf
)

// ParamInfo describes one parameter.
type ParamInfo struct {
	Name    string
	Type    Type
	Doc     string
	OneOf   []string
	Default string
	Frame   bool // of links that carry frames
	Stream  bool // of links that carry streams
}

type param struct {
	ParamInfo
	set func(*Params, string) error
	get func(*Params) string
}

// ParamInfos lists all parameters in the order of their names' topics.
func ParamInfos() []ParamInfo {
	list := make([]ParamInfo, len(params))
	for i := range params {
		list[i] = params[i].ParamInfo
	}
	return list
}

// CheckParam says what is wrong with a parameter's text, nil if nothing is.
func CheckParam(name, value string) error {
	var p Params
	return p.Set(cells.Param{Name: name, Value: value})
}

// CheckParams says what is wrong with the parameters of one direction, taken
// together: nil if they make sense for a link that carries frames, or streams.
func CheckParams(stream bool, list []cells.Param) error {
	p := Defaults()
	for _, q := range list {
		if err := p.Set(q); err != nil {
			return err
		}
	}
	return p.check(stream)
}

// Set takes one parameter from its text.
func (p *Params) Set(q cells.Param) error {
	i := slices.IndexFunc(params, func(x param) bool { return x.Name == q.Name })
	if i < 0 {
		return fmt.Errorf("no link parameter %q", q.Name)
	}
	if err := params[i].set(p, q.Value); err != nil {
		return fmt.Errorf("%s %w", q.Name, err)
	}
	return nil
}

// Changed lists what is not at its default, as text.
func (p *Params) Changed() []cells.Param {
	var list []cells.Param
	for i, x := range params {
		if v := x.get(p); v != defaultTexts[i] {
			list = append(list, cells.Param{Name: x.Name, Value: v})
		}
	}
	return list
}

// defaultTexts are the parameters' defaults, in their order.
var defaultTexts = func() (texts []string) {
	def := Defaults()
	for _, x := range params {
		texts = append(texts, x.get(&def))
	}
	return texts
}()

// check says what does not go together.
func (p *Params) check(stream bool) error {
	for i, x := range params {
		if v := x.get(p); v != defaultTexts[i] && (stream && !x.Stream || !stream && !x.Frame) {
			kind := "frames"
			if stream {
				kind = "streams"
			}
			return fmt.Errorf("%s: not a parameter of links that carry %s", x.Name, kind)
		}
	}
	if p.Burst.Enter.IsZero() && !p.Burst.Leave.IsZero() {
		return fmt.Errorf("burst.leave: has no meaning without burst.enter")
	}
	if !p.Burst.Enter.IsZero() && p.Burst.Leave.IsZero() {
		return fmt.Errorf("burst.enter: needs burst.leave, or the channel stays bad for ever")
	}
	def := Defaults()
	if p.Queue != def.Queue && p.Speed == 0 && p.Rate == 0 {
		return fmt.Errorf("queue: has no meaning without speed or rate")
	}
	if p.Buffer != def.Buffer && (p.Rate == 0 || p.Speed == 0) {
		return fmt.Errorf("buffer: has no meaning without speed and rate")
	}
	return nil
}

var params = []param{
	span("delay", "propagation delay", frames|streams, func(p *Params) *time.Duration { return &p.Delay }),
	dist("jitter", "added to delay for each frame; below zero counts as zero", frames|streams, func(p *Params) *des.Sampler { return &p.Jitter }),
	rate("rate", "bandwidth of the channel: delays delivery", frames|streams, func(p *Params) *uint64 { return &p.Rate }),
	rate("speed", "speed of the interface: holds the next frame back", frames|streams, func(p *Params) *uint64 { return &p.Speed }),
	count("queue.frames", "frames waiting for the interface (or for the channel, without speed); 0 is no limit", func(p *Params) *uint64 { return &p.Queue.Frames }),
	size("queue.bytes", "bytes waiting likewise; 0 is no limit", func(p *Params) *uint64 { return &p.Queue.Bytes }),
	count("buffer.frames", "frames waiting for the channel behind an interface; 0 is no limit", func(p *Params) *uint64 { return &p.Buffer.Frames }),
	size("buffer.bytes", "bytes waiting likewise; 0 is no limit", func(p *Params) *uint64 { return &p.Buffer.Bytes }),
	ratio("loss", "probability that a frame is lost, independent of others", frames, func(p *Params) *des.Ratio { return &p.Loss }),
	ratio("burst.enter", "Gilbert-Elliott: probability per frame of going from good to bad", frames, func(p *Params) *des.Ratio { return &p.Burst.Enter }),
	ratio("burst.leave", "Gilbert-Elliott: probability per frame of going from bad to good", frames, func(p *Params) *des.Ratio { return &p.Burst.Leave }),
	ratio("burst.loss", "Gilbert-Elliott: probability of loss while bad", frames, func(p *Params) *des.Ratio { return &p.Burst.Loss }),
	ratio("burst.loss-good", "Gilbert-Elliott: probability of loss while good", frames, func(p *Params) *des.Ratio { return &p.Burst.LossGood }),
	ratio("dup", "probability that a frame arrives more than once", frames, func(p *Params) *des.Ratio { return &p.Dup }),
	number("dup.copies", "how many copies more arrive", frames, 1, CopiesMax, func(p *Params) uint64 { return uint64(p.DupCopies) }, func(p *Params, n uint64) { p.DupCopies = uint8(n) }),
	ratio("reorder", "probability that a frame is late and may be overtaken", frames, func(p *Params) *des.Ratio { return &p.Reorder }),
	dist("reorder.delay", "how late such a frame is", frames, func(p *Params) *des.Sampler { return &p.ReorderDelay }),
	ratio("ber", "probability that a bit is flipped", frames, func(p *Params) *des.Ratio { return &p.BER }),
	perMiB(),
	ratio("corrupt", "probability that a run of a frame's bits is scrambled", frames, func(p *Params) *des.Ratio { return &p.Corrupt }),
	number("corrupt.bits", "how long the run is", frames, 1, 8*MTUMax, func(p *Params) uint64 { return uint64(p.CorruptBits) }, func(p *Params, n uint64) { p.CorruptBits = uint32(n) }),
	truth("fcs", "a frame check sequence: corrupted frames are dropped", frames, func(p *Params) *bool { return &p.FCS }),
	number("mtu", "the longest frame in bytes; 0 is no limit", frames, 0, MTUMax, func(p *Params) uint64 { return uint64(p.MTU) }, func(p *Params, n uint64) { p.MTU = int(n) }),
	enum("cut", "no; lost: what is on the way is lost; drain: it arrives; hold: it waits for the release", frames|streams, cutNames, func(p *Params) int { return int(p.Cut) }, func(p *Params, i int) { p.Cut = Cut(i) }),
	number("hold", "how many frames a held direction keeps", frames|streams, 0, 1<<24, func(p *Params) uint64 { return p.Hold }, func(p *Params, n uint64) { p.Hold = n }),
	truth("fifo", "false: jitter may let frames overtake each other", frames, func(p *Params) *bool { return &p.FIFO }),
	number("bound", "bytes a stream may have queued", streams, 1, BoundMax, func(p *Params) uint64 { return uint64(p.Bound) }, func(p *Params, n uint64) { p.Bound = int64(n) }),
	number("segment", "the most bytes in one segment of a stream", streams, 1, SegmentMax, func(p *Params) uint64 { return uint64(p.Segment) }, func(p *Params, n uint64) { p.Segment = int(n) }),
	enum("recut", "how a stream is cut into chunks: full, cut or none", streams, recutNames, func(p *Params) int { return int(p.Recut) }, func(p *Params, i int) { p.Recut = Recut(i) }),
	ratio("refuse", "probability that a connect is refused", streams, func(p *Params) *des.Ratio { return &p.Refuse }),
	dist("connect-delay", "added to the answer to a connect", streams, func(p *Params) *des.Sampler { return &p.ConnectDelay }),
	span("connect-timeout", "how long a dial waits for an answer", streams, func(p *Params) *time.Duration { return &p.ConnectTimeout }),
	ratio("reset", "probability that a segment breaks its connection", streams, func(p *Params) *des.Ratio { return &p.Reset }),
}

type carries uint8

const (
	frames carries = 1 << iota
	streams
)

func entry(name string, t Type, doc string, c carries) param {
	return param{ParamInfo: ParamInfo{Name: name, Type: t, Doc: doc, Frame: c&frames != 0, Stream: c&streams != 0}}
}

func span(name, doc string, c carries, f func(*Params) *time.Duration) param {
	x := entry(name, TypeDuration, doc, c)
	x.set = func(p *Params, s string) error {
		d, err := des.ParseDuration(s)
		if err == nil && (d < 0 || d > int64(DelayMax)) {
			err = fmt.Errorf("%q: must lie between 0s and %s", s, DelayMax)
		}
		*f(p) = time.Duration(d)
		return err
	}
	x.get = func(p *Params) string { return des.FormatDuration(int64(*f(p))) }
	return x
}

func dist(name, doc string, c carries, f func(*Params) *des.Sampler) param {
	x := entry(name, TypeSampler, doc, c)
	x.set = func(p *Params, s string) error {
		if s == "none" {
			*f(p) = nil
			return nil
		}
		d, err := des.ParseSampler(s, des.ParseDuration)
		if err == nil {
			*f(p) = d
		}
		return err
	}
	x.get = func(p *Params) string {
		if *f(p) == nil {
			return "none"
		}
		return (*f(p)).String()
	}
	return x
}

func rate(name, doc string, c carries, f func(*Params) *uint64) param {
	x := entry(name, TypeRate, doc, c)
	x.set = func(p *Params, s string) (err error) {
		if s == "none" {
			*f(p) = 0
			return nil
		}
		*f(p), err = des.ParseRate(s)
		return err
	}
	x.get = func(p *Params) string {
		if *f(p) == 0 {
			return "none"
		}
		return des.FormatRate(*f(p))
	}
	return x
}

func size(name, doc string, f func(*Params) *uint64) param {
	x := entry(name, TypeSize, doc, frames)
	x.set = func(p *Params, s string) (err error) {
		*f(p), err = des.ParseSize(s)
		return err
	}
	x.get = func(p *Params) string { return des.FormatSize(*f(p)) }
	return x
}

func count(name, doc string, f func(*Params) *uint64) param {
	return number(name, doc, frames, 0, 1<<32, func(p *Params) uint64 { return *f(p) },
		func(p *Params, n uint64) { *f(p) = n })
}

func number(name, doc string, c carries, lo, hi uint64, get func(*Params) uint64, set func(*Params, uint64)) param {
	x := entry(name, TypeCount, doc, c)
	if name == "mtu" || name == "bound" || name == "segment" {
		x.Type = TypeSize
	}
	x.set = func(p *Params, s string) error {
		var n uint64
		var err error
		if x.Type == TypeSize {
			n, err = des.ParseSize(s)
		} else if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			err = fmt.Errorf("%q: must be a whole number", s)
		}
		if err == nil && (n < lo || n > hi) {
			err = fmt.Errorf("%q: must lie between %d and %d", s, lo, hi)
		}
		if err == nil {
			set(p, n)
		}
		return err
	}
	x.get = func(p *Params) string {
		if x.Type == TypeSize {
			return des.FormatSize(get(p))
		}
		return strconv.FormatUint(get(p), 10)
	}
	return x
}

func ratio(name, doc string, c carries, f func(*Params) *des.Ratio) param {
	x := entry(name, TypeRatio, doc, c)
	x.set = func(p *Params, s string) (err error) {
		*f(p), err = des.ParseRatio(s)
		return err
	}
	x.get = func(p *Params) string { return f(p).String() }
	return x
}

// perMiB is ber in the unit of those who count damaged bits per megabyte.
func perMiB() param {
	x := entry("bits-per-mib", TypeCount, "ber in damaged bits per MiB", frames)
	x.set = func(p *Params, s string) error {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || n > 8<<20 {
			return fmt.Errorf("%q: must be a whole number of at most %d", s, 8<<20)
		}
		p.BER = des.Ratio{Num: n, Den: 8 << 20}
		return nil
	}
	x.get = func(*Params) string { return "" } // shown as ber
	return x
}

func truth(name, doc string, c carries, f func(*Params) *bool) param {
	x := entry(name, TypeBool, doc, c)
	x.set = func(p *Params, s string) error {
		if s != "true" && s != "false" {
			return fmt.Errorf("%q: must be true or false", s)
		}
		*f(p) = s == "true"
		return nil
	}
	x.get = func(p *Params) string { return strconv.FormatBool(*f(p)) }
	return x
}

func enum(name, doc string, c carries, words []string, get func(*Params) int, set func(*Params, int)) param {
	x := entry(name, TypeEnum, doc, c)
	x.OneOf = words
	x.set = func(p *Params, s string) error {
		i := slices.Index(words, s)
		if i < 0 {
			return fmt.Errorf("%q: must be %s or %s", s, strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
		}
		set(p, i)
		return nil
	}
	x.get = func(p *Params) string { return words[get(p)] }
	return x
}

func init() {
	def := Defaults()
	for i := range params {
		params[i].Default = params[i].get(&def)
	}
}
