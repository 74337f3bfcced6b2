package plain

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/links"
)

// conn is one connection: a real one, and one of the link's.
type conn struct {
	t  *trunk
	id connID

	mu      sync.Mutex
	more    sync.Cond // something below has changed
	real    net.Conn  // nil while it is dialled
	open    bool      // both sides have it
	over    bool      // broken, or ended by both
	queue   []byte    // of the cell's, to be written
	bound   uint64    // how many bytes the cell may have queued
	fin     bool      // the cell sends no more
	window  uint64    // bytes the cell can take
	finSent bool      // the real side sends no more
	written bool      // everything of the cell's, and the end
}

// segment completes a segment of this connection.
func (c *conn) segment(s links.Segment) links.Segment {
	s.Forward, s.Dial = c.id.ours, c.id.n
	return s
}

// dial makes the real connection that a cell has asked for.
func (c *conn) dial() {
	defer c.t.going.Done()
	network, addr := address(c.t.config)
	d := net.Dialer{Timeout: DialTimeout}
	real, err := d.DialContext(c.t.ctx, network, addr)
	if err != nil {
		c.drop()
		c.t.tell(c.segment(links.Segment{Kind: links.SegRST, Code: cells.DownCode(reason(err))}))
		return
	}
	c.mu.Lock()
	if c.over { // the cell has given up meanwhile
		c.mu.Unlock()
		breakOff(real)
		return
	}
	c.real = real
	c.mu.Unlock()
	c.t.connects.Add(1)
	c.t.tell(c.segment(links.Segment{Kind: links.SegACK, N: Window}))
	c.begin()
}

// begin lets bytes flow.
func (c *conn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.open {
		return
	}
	c.open = true
	c.t.going.Add(2)
	go c.read()
	go c.write()
}

// take handles a segment of the cell's. It never blocks.
func (c *conn) take(s *links.Segment) {
	switch s.Kind {
	case links.SegACK:
		c.mu.Lock()
		c.bound = s.N
		c.mu.Unlock()
		c.begin()
		return
	case links.SegRST:
		c.mu.Lock()
		real := c.real
		c.mu.Unlock()
		c.drop()
		if real != nil {
			breakOff(real)
		}
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch s.Kind {
	case links.SegData:
		c.queue = append(c.queue, s.Data...) // at most what the link's bound lets the cell have queued
	case links.SegCredit:
		c.window += s.N
	case links.SegFIN:
		c.fin = true
	}
	c.more.Broadcast()
}

// drop ends the connection on this side; false if it was over.
func (c *conn) drop() bool {
	c.t.forget(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.over
	c.over = true
	c.queue = nil
	c.more.Broadcast()
	return !was
}

// broke tells the cell that the real connection broke.
func (c *conn) broke() {
	if c.drop() {
		c.t.tell(c.segment(links.Segment{Kind: links.SegRST, Code: cells.DownCode(cells.ErrReset)}))
	}
	breakOff(c.real)
}

// read gives the cell what comes, as fast as it handles it.
func (c *conn) read() {
	defer c.t.going.Done()
	buf := make([]byte, readMax)
	for {
		c.mu.Lock()
		for c.window == 0 && !c.over {
			c.more.Wait()
		}
		room, over := min(c.window, uint64(len(buf))), c.over
		c.mu.Unlock()
		if over {
			return
		}
		n, err := c.real.Read(buf[:room])
		if n > 0 {
			c.mu.Lock()
			c.window -= uint64(n)
			over = c.over
			c.mu.Unlock()
			if over {
				return
			}
			c.t.tell(c.segment(links.Segment{Kind: links.SegData, Data: buf[:n]}))
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			c.ended(true)
			return
		default:
			c.broke()
			return
		}
	}
}

// write gives the real side what the cell has sent, and credits it.
func (c *conn) write() {
	defer c.t.going.Done()
	var spare []byte
	var credit uint64
	for {
		c.mu.Lock()
		for len(c.queue) == 0 && !c.fin && !c.over {
			c.more.Wait()
		}
		b := c.queue
		c.queue = spare[:0]
		over, fin, bound := c.over, c.fin, c.bound
		c.mu.Unlock()
		switch {
		case over:
			return
		case len(b) == 0 && fin:
			if half, ok := c.real.(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite() // what is wrong with it, reading finds
			}
			c.ended(false)
			return
		}
		for rest := b; len(rest) > 0; {
			n, err := c.real.Write(rest[:min(len(rest), readMax)])
			if err != nil {
				c.broke()
				return
			}
			rest = rest[n:]
			if credit += uint64(n); credit*4 >= max(bound, 4) {
				c.t.tell(c.segment(links.Segment{Kind: links.SegCredit, N: credit}))
				credit = 0
			}
		}
		spare = b
		if cap(spare) > Window {
			spare = nil
		}
	}
}

// ended says that one direction is over: the one that is read, or the one that
// is written. With both the connection is.
func (c *conn) ended(reading bool) {
	c.mu.Lock()
	if reading {
		c.finSent = true
	} else {
		c.written = true
	}
	both, over := c.finSent && c.written, c.over
	c.more.Broadcast()
	c.mu.Unlock()
	if reading && !over {
		c.t.tell(c.segment(links.Segment{Kind: links.SegFIN}))
	}
	if both {
		c.drop()
		_ = c.real.Close()
	}
}

// ending reports whether all of the cell's has been written, and the end of it.
func (c *conn) ending() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.written && !c.over
}

// linger ends the connection when all the cell has sent has left, at a deadline
// at the latest.
func (c *conn) linger(deadline time.Time) {
	c.mu.Lock()
	c.fin = true
	c.more.Broadcast()
	real, open := c.real, c.open
	c.mu.Unlock()
	if real == nil {
		c.drop()
		return
	}
	_ = real.SetDeadline(deadline)
	if open {
		stop := time.AfterFunc(deadline.Sub(clock.Wall()), func() { c.drop() })
		defer stop.Stop()
		c.mu.Lock()
		for !c.written && !c.over {
			c.more.Wait()
		}
		c.mu.Unlock()
	}
	c.drop()
	_ = real.Close()
}
