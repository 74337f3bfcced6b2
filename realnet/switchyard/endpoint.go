package switchyard

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/dsim/clock"
	"example.com/dsim/protocols/eth"
	"example.com/dsim/protocols/switchyard"
)

// AddrDefault is where a fabric listens if nothing else is said.
const AddrDefault = "127.0.0.1:9999"

// What stands for zero options.
const (
	QueueDefault      = 1024
	BackoffDefault    = 100 * time.Millisecond
	BackoffMaxDefault = 5 * time.Second
	TimeoutDefault    = 5 * time.Second
)

// Options are what an endpoint is made of.
type Options struct {
	Addr    string  // of the fabric, host:port; AddrDefault if empty
	Client  string  // what the fabric is told in HELLO; the name if empty
	Name    string  // of the endpoint
	Asks    bool    // makes no endpoint: it only asks, with Ask and Lookup
	MAC     eth.MAC // the fabric gives one if zero
	Promisc bool    // every frame, wherever it goes
	// Exclusive makes a name that is taken an error. Else the endpoint of the
	// name is taken over: fabrics keep those of clients that are gone.
	Exclusive bool
	// Wait is how long Open tries to reach the fabric; 0 is once.
	Wait time.Duration
	// Queue is how many frames wait for Recv; those beyond are dropped.
	Queue int
	// Backoff is the time before the first reconnect, then twice as long each
	// time up to BackoffMax. A negative Backoff does not reconnect.
	Backoff, BackoffMax time.Duration
	// Timeout bounds the wait for an answer, and for a write.
	Timeout time.Duration
	// Lost and Ready, if not nil, are told that the connection was lost, and that
	// it is there again. They must return soon.
	Lost  func(error)
	Ready func(switchyard.Identity)
}

func (o Options) withDefaults() Options {
	o.Addr, o.Client = cmp.Or(o.Addr, AddrDefault), cmp.Or(o.Client, o.Name)
	o.Queue, o.Backoff, o.BackoffMax = cmp.Or(o.Queue, QueueDefault), cmp.Or(o.Backoff, BackoffDefault), cmp.Or(o.BackoffMax, BackoffMaxDefault)
	o.Timeout = cmp.Or(o.Timeout, TimeoutDefault)
	return o
}

// Frame is a frame that came.
type Frame struct {
	Promisc bool // it came because every frame does, and may be for somebody else
	Data    []byte
}

// Stats are what an endpoint has counted.
type Stats struct {
	Sent, Received uint64
	Dropped        uint64 // came, and the queue for Recv was full
	Lost           uint64 // sent while there was no connection
	Refused        uint64 // sent, and the fabric would not have it
	Reconnects     uint64
}

// Endpoint is one endpoint. Its methods may be called from any goroutine.
type Endpoint struct {
	opt    Options
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // the reader has ended
	frames chan Frame

	mu      sync.Mutex
	session *session // nil while there is no connection
	me      switchyard.Identity
	had     bool          // me was this endpoint's on an earlier connection
	changed chan struct{} // closed when session changes

	sent, received, dropped, lost, refused, reconnects atomic.Uint64
}

// The errors that callers branch on.
var (
	ErrClosed       = errors.New("the endpoint is closed")
	ErrNotConnected = errors.New("there is no connection to the fabric")
)

// FabricError is what a fabric answered instead of what was asked for.
type FabricError struct{ Text string }

// Error is the fabric's text.
func (e *FabricError) Error() string { return "the fabric says: " + e.Text }

// Open makes an endpoint at a fabric and subscribes to its frames. ctx bounds the
// opening alone.
func Open(ctx context.Context, o Options) (*Endpoint, error) {
	o = o.withDefaults()
	if o.Name == "" && !o.Asks {
		return nil, errors.New("switchyard: an endpoint needs a name")
	}
	e := &Endpoint{opt: o, frames: make(chan Frame, o.Queue), done: make(chan struct{}), changed: make(chan struct{})}
	e.ctx, e.cancel = context.WithCancelCause(context.Background())
	s, err := e.first(ctx)
	if err != nil {
		e.cancel(ErrClosed)
		return nil, fmt.Errorf("switchyard: fabric %s: %w", o.Addr, err)
	}
	e.use(s)
	go e.keep(s)
	return e, nil
}

// first connects, again and again until Wait is over.
func (e *Endpoint) first(ctx context.Context) (*session, error) {
	until := clock.Wall().Add(e.opt.Wait)
	for back := max(e.opt.Backoff, BackoffDefault); ; back = min(2*back, e.opt.BackoffMax) {
		s, err := e.connect(ctx)
		var refused *FabricError
		if err == nil || errors.As(err, &refused) || ctx.Err() != nil || clock.Wall().Add(back).After(until) {
			return s, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(back):
		}
	}
}

// connect makes a connection and an endpoint on it.
func (e *Endpoint) connect(ctx context.Context) (*session, error) {
	d := net.Dialer{Timeout: e.opt.Timeout}
	c, err := d.DialContext(ctx, "tcp", e.opt.Addr)
	if err != nil {
		return nil, err
	}
	s := &session{e: e, conn: c}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	go s.read()
	if err := e.introduce(ctx, s); err != nil {
		s.end(err)
		return nil, err
	}
	return s, nil
}

// introduce says hello, creates the endpoint or takes it over, and subscribes.
func (e *Endpoint) introduce(ctx context.Context, s *session) error {
	hello := switchyard.Message{Type: switchyard.TypeHello, Payload: payload("client_name", e.opt.Client)}
	if _, err := s.ask(ctx, hello, switchyard.TypeWelcome); err != nil {
		return err
	}
	if e.opt.Asks {
		return nil
	}
	me, err := e.create(ctx, s)
	if err != nil {
		return err
	}
	flags := uint32(0)
	if e.opt.Promisc {
		flags = switchyard.Promisc
	}
	if _, err := s.ask(ctx, switchyard.Message{Type: switchyard.TypeSubscribe, Endpoint: me.Endpoint, Flags: flags, Payload: payload()}, switchyard.TypeSubscribed); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.me, e.had = me, true
	return nil
}

// create makes the endpoint, or takes over the one of its name. After a loss it
// asks for the address it had: who uses the endpoint may have told it to others.
// A fabric that was begun anew may have given that to somebody else.
func (e *Endpoint) create(ctx context.Context, s *session) (switchyard.Identity, error) {
	e.mu.Lock()
	me, had := e.me, e.had
	e.mu.Unlock()
	mac := e.opt.MAC
	if had && mac == (eth.MAC{}) {
		mac = me.MAC
	}
	m, err := s.ask(ctx, creation(e.opt.Name, mac), switchyard.TypeEndpointCreated)
	if mac != e.opt.MAC && refusedWith(err, "mac already exists") {
		m, err = s.ask(ctx, creation(e.opt.Name, e.opt.MAC), switchyard.TypeEndpointCreated)
	}
	if refusedWith(err, "name already exists") && (had || !e.opt.Exclusive) {
		m, err = s.ask(ctx, switchyard.Message{Type: switchyard.TypeEndpointLookup, Payload: payload("name", e.opt.Name)}, switchyard.TypeEndpointInfo)
	}
	if err != nil {
		return switchyard.Identity{}, err
	}
	return switchyard.ParseIdentity(m.Payload)
}

// creation asks for an endpoint.
func creation(name string, mac eth.MAC) switchyard.Message {
	words := []string{"name", name}
	if mac != (eth.MAC{}) {
		words = append(words, "mac", mac.String())
	}
	return switchyard.Message{Type: switchyard.TypeEndpointCreate, Payload: payload(words...)}
}

// refusedWith reports whether an error is a fabric's, with these words.
func refusedWith(err error, words string) bool {
	var said *FabricError
	return errors.As(err, &said) && strings.Contains(said.Text, words)
}

// payload is an object of texts.
func payload(words ...string) []byte {
	o := make(map[string]string, len(words)/2)
	for i := 0; i+1 < len(words); i += 2 {
		o[words[i]] = words[i+1]
	}
	b, err := json.Marshal(o)
	if err != nil {
		panic("switchyard: " + err.Error())
	}
	return b
}

// keep has one connection after the other, until the endpoint is closed.
func (e *Endpoint) keep(s *session) {
	defer close(e.done)
	for {
		select {
		case <-s.ended():
		case <-e.ctx.Done():
			s.end(ErrClosed)
			e.use(nil)
			return
		}
		e.use(nil)
		if e.opt.Lost != nil {
			e.opt.Lost(s.why())
		}
		if s = e.again(); s == nil {
			return
		}
		e.reconnects.Add(1)
		e.use(s)
		if e.opt.Ready != nil {
			e.opt.Ready(e.Identity())
		}
	}
}

// again connects after a loss; nil if the endpoint is to end.
func (e *Endpoint) again() *session {
	if e.opt.Backoff < 0 {
		e.cancel(ErrNotConnected)
		return nil
	}
	for back := e.opt.Backoff; ; back = min(2*back, e.opt.BackoffMax) {
		select {
		case <-e.ctx.Done():
			return nil
		case <-time.After(back):
		}
		if s, err := e.connect(e.ctx); err == nil {
			return s
		}
	}
}

// use makes a connection the current one.
func (e *Endpoint) use(s *session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.session = s
	close(e.changed)
	e.changed = make(chan struct{})
}

// current is the connection, nil if there is none.
func (e *Endpoint) current() *session {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.session
}

// Identity is the endpoint as the fabric knows it.
func (e *Endpoint) Identity() switchyard.Identity {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.me
}

// Stats are what was counted so far.
func (e *Endpoint) Stats() Stats {
	return Stats{
		Sent: e.sent.Load(), Received: e.received.Load(), Dropped: e.dropped.Load(), Lost: e.lost.Load(),
		Refused: e.refused.Load(), Reconnects: e.reconnects.Load(),
	}
}

// Send sends a frame of 14 bytes to 64 KiB. It waits while the connection takes
// nothing, Timeout at most. Without a connection the frame is lost.
func (e *Endpoint) Send(frame []byte) error {
	if len(frame) < 14 || len(frame) > switchyard.PayloadMax {
		return fmt.Errorf("switchyard: a frame of %d bytes: must have 14 to %d", len(frame), switchyard.PayloadMax)
	}
	if e.opt.Asks {
		return errors.New("switchyard: who only asks has no endpoint to send from")
	}
	s := e.current()
	if s == nil {
		if err := context.Cause(e.ctx); err != nil {
			return err
		}
		e.lost.Add(1)
		return ErrNotConnected
	}
	if err := s.write(switchyard.Message{Type: switchyard.TypePacketOut, Endpoint: e.Identity().Endpoint, Payload: frame}, nil); err != nil {
		e.lost.Add(1)
		return err
	}
	e.sent.Add(1)
	return nil
}

// Recv gives the next frame.
func (e *Endpoint) Recv(ctx context.Context) (Frame, error) {
	select {
	case f := <-e.frames:
		return f, nil
	default:
	}
	select {
	case f := <-e.frames:
		return f, nil
	case <-ctx.Done():
		return Frame{}, context.Cause(ctx)
	case <-e.ctx.Done():
		return Frame{}, context.Cause(e.ctx)
	}
}

// Lookup asks who has a name, again and again until somebody has or ctx ends.
func (e *Endpoint) Lookup(ctx context.Context, name string) (switchyard.Identity, error) {
	var last error
	for {
		m, err := e.Ask(ctx, switchyard.Message{Type: switchyard.TypeEndpointLookup, Payload: payload("name", name)}, switchyard.TypeEndpointInfo)
		switch said := (*FabricError)(nil); {
		case err == nil:
			return switchyard.ParseIdentity(m.Payload)
		case errors.As(err, &said) && !refusedWith(err, "no such endpoint"): // nobody can have such a name
			return switchyard.Identity{}, fmt.Errorf("switchyard: endpoint %q: %w", name, err)
		case last == nil || ctx.Err() == nil:
			last = err
		}
		select {
		case <-ctx.Done():
			return switchyard.Identity{}, fmt.Errorf("switchyard: endpoint %q: %w", name, last)
		case <-e.ctx.Done():
			return switchyard.Identity{}, context.Cause(e.ctx)
		case <-time.After(BackoffDefault):
		}
	}
}

// Ask sends a control message and gives its answer, which must be of a type. An
// ERROR is a [FabricError]. It waits until ctx ends, and for the answer Timeout
// at most; without an answer in that time the connection is given up.
func (e *Endpoint) Ask(ctx context.Context, m switchyard.Message, want switchyard.Type) (switchyard.Message, error) {
	for {
		e.mu.Lock()
		s, changed := e.session, e.changed
		e.mu.Unlock()
		if s != nil {
			return s.ask(ctx, m, want)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return switchyard.Message{}, context.Cause(ctx)
		case <-e.ctx.Done():
			return switchyard.Message{}, context.Cause(e.ctx)
		}
	}
}

// Close ends the endpoint. The fabric may keep its name.
func (e *Endpoint) Close() error {
	e.cancel(ErrClosed)
	<-e.done
	return nil
}

// session is one connection.
type session struct {
	e    *Endpoint
	conn net.Conn

	write1 sync.Mutex // one message at a time
	buf    []byte

	mu      sync.Mutex
	waiting []question // in order
	err     error
	over    chan struct{}
}

// question is a control message without an answer. Who asked may have gone, as
// its ctx ended: the answer is waited for all the same, since answers come in
// order.
type question struct {
	answer chan answer // has room for the one there is
	late   *time.Timer
}

type answer struct {
	m   switchyard.Message
	err error
}

func (s *session) ended() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.overLocked()
}

func (s *session) overLocked() chan struct{} {
	if s.over == nil {
		s.over = make(chan struct{})
		if s.err != nil {
			close(s.over)
		}
	}
	return s.over
}

func (s *session) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// end closes the connection; everybody who waits is told.
func (s *session) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	over := s.overLocked()
	s.err = err
	close(over)
	_ = s.conn.Close()
	for _, q := range s.waiting {
		q.late.Stop()
		q.answer <- answer{err: err}
	}
	s.waiting = nil
}

// write sends a message; before, while no other can come between, it calls ready.
func (s *session) write(m switchyard.Message, ready func() error) error {
	s.write1.Lock()
	defer s.write1.Unlock()
	if ready != nil {
		if err := ready(); err != nil {
			return err
		}
	}
	s.buf = m.Append(s.buf[:0])
	_ = s.conn.SetWriteDeadline(clock.Wall().Add(s.e.opt.Timeout))
	if _, err := s.conn.Write(s.buf); err != nil {
		s.end(err) // half a message may have gone
		return err
	}
	return nil
}

// questionsMax bounds the questions of a connection that have no answer yet.
const questionsMax = switchyard.RequestsMax

// ask sends a question and waits for its answer.
func (s *session) ask(ctx context.Context, m switchyard.Message, want switchyard.Type) (switchyard.Message, error) {
	if err := ctx.Err(); err != nil {
		return switchyard.Message{}, context.Cause(ctx)
	}
	c := make(chan answer, 1)
	err := s.write(m, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.err != nil:
			return s.err
		case len(s.waiting) >= questionsMax:
			return fmt.Errorf("%d questions have no answer yet", len(s.waiting))
		}
		late := time.AfterFunc(s.e.opt.Timeout, func() { // what comes then cannot be told apart
			s.end(fmt.Errorf("no answer to %s within %v", m.Type, s.e.opt.Timeout))
		})
		s.waiting = append(s.waiting, question{c, late})
		return nil
	})
	if err != nil {
		return switchyard.Message{}, err
	}
	select {
	case a := <-c:
		switch {
		case a.err != nil:
			return a.m, a.err
		case a.m.Type == switchyard.TypeError:
			return a.m, &FabricError{switchyard.ParseError(a.m.Payload)}
		case a.m.Type != want:
			err = fmt.Errorf("asked %s, and was answered %s", m.Type, a.m.Type)
			s.end(err)
			return switchyard.Message{}, err
		}
		return a.m, nil
	case <-ctx.Done():
		return switchyard.Message{}, context.Cause(ctx)
	}
}

// read takes what comes.
func (s *session) read() {
	r := bufio.NewReaderSize(s.conn, 64<<10)
	var head [4]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			s.end(cmp.Or(notEOF(err), errors.New("the fabric has closed the connection")))
			return
		}
		n := binary.BigEndian.Uint32(head[:])
		if n < switchyard.HeaderSize || n > switchyard.MessageMax {
			s.end(fmt.Errorf("a message of length %d: must be %d to %d", n, switchyard.HeaderSize, switchyard.MessageMax))
			return
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(r, b); err != nil {
			s.end(err)
			return
		}
		m, err := switchyard.ParseMessage(b)
		if err != nil {
			s.end(err)
			return
		}
		s.take(m)
	}
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// take hands a message to who waits for it.
func (s *session) take(m switchyard.Message) {
	switch {
	case m.Type == switchyard.TypePacketIn:
		s.e.received.Add(1)
		select {
		case s.e.frames <- Frame{m.Flags&switchyard.Promisc != 0, m.Payload}:
		default:
			s.e.dropped.Add(1)
		}
		return
	case m.Type == switchyard.TypeRules:
		return // not asked for
	case m.Type == switchyard.TypeError && switchyard.AnswersNothing(switchyard.ParseError(m.Payload)):
		s.e.refused.Add(1)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return
	}
	q := s.waiting[0]
	s.waiting = s.waiting[1:]
	q.late.Stop()
	q.answer <- answer{m: m}
}
