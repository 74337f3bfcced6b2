package switchyard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"example.com/dsim/protocols/switchyard"
	"example.com/dsim/realnet"
)

// readMessage reads one message with its length. The error is io.EOF between two
// messages only.
func readMessage(r io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n < switchyard.HeaderSize || n > switchyard.MessageMax {
		return nil, fmt.Errorf("a length of %d", n)
	}
	b := make([]byte, 4+n)
	copy(b, length[:])
	if _, err := io.ReadFull(r, b[4:]); err != nil {
		return nil, errors.Join(errors.New("half a message"), err)
	}
	return b, nil
}

// relay stands between clients and a fabric, and writes down both directions. It
// notes a message before it passes it on, so that what is answered stands before
// its answer.
type relay struct {
	record
	addr string
}

// interpose makes a relay in front of a fabric.
func interpose(t *testing.T, fabric string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &relay{addr: l.Addr().String()}
	go func() {
		for n := 1; ; n++ {
			client, err := l.Accept()
			if err != nil {
				return
			}
			daemon, err := net.Dial("tcp", fabric)
			if err != nil {
				client.Close()
				return
			}
			go r.pass(n, true, client, daemon)
			go r.pass(n, false, daemon, client)
		}
	}()
	return r
}

// pass moves messages one way until its end.
func (r *relay) pass(conn int, client bool, from, to net.Conn) {
	for {
		b, err := readMessage(from)
		if err != nil {
			end := to.(*net.TCPConn).CloseWrite
			if err == io.EOF {
				err = r.note(spell{conn, client, nil}, end)
			}
			if err != nil {
				_ = end()
			}
			return
		}
		if r.note(spell{conn, client, b}, func() error { _, err := to.Write(b); return err }) != nil {
			return
		}
	}
}

// patience is how long the other side of a committed conversation is waited for.
const patience = 20 * time.Second

// hear reads what a transcript says comes next.
func hear(c net.Conn, want []byte, same func(got, want []byte) error) error {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	got, err := readMessage(c)
	if want == nil {
		if err == io.EOF {
			return nil
		}
		return fmt.Errorf("%x, %v; want the end", got, err)
	}
	if err != nil {
		return fmt.Errorf("%w; want %s", err, spell{bytes: want}.line())
	}
	return same(got, want)
}

// stage is a fabric that knows nothing but its part in a transcript: it wants the
// clients' side of it, byte for byte, and answers with the fabric's.
type stage struct {
	record
	addr string
	done chan error
}

// perform plays the fabric's part.
func perform(t *testing.T, said []spell) *stage {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{addr: l.Addr().String(), done: make(chan error, 1)}
	conns := make(map[int]net.Conn)
	t.Cleanup(func() {
		l.Close()
		for _, c := range conns {
			c.Close()
		}
	})
	go func() {
		for i, x := range said {
			c := conns[x.conn]
			if c == nil {
				if c, err = l.Accept(); err != nil {
					s.done <- err
					return
				}
				conns[x.conn] = c
			}
			var err error
			if x.client {
				err = hear(c, x.bytes, sameBytes)
			}
			err = errors.Join(err, s.note(x, func() (err error) {
				switch {
				case x.client:
				case x.bytes == nil:
					err = c.(*net.TCPConn).CloseWrite()
				default:
					_, err = c.Write(x.bytes)
				}
				return err
			}))
			if err != nil {
				s.done <- fmt.Errorf("message %d, %s%s: %w", i+1, x.head(), x.line(), err)
				return
			}
		}
		s.done <- nil
	}()
	return s
}

// speak plays the clients' part of a transcript at a fabric of ours, in pieces of
// cut bytes, and wants the fabric's part from it. A frame has no answer, so the
// fabric's own count says when the next may speak.
func speak(t *testing.T, d *realnet.Driver, said []spell, cut int, same func(got, want []byte) error) {
	t.Helper()
	conns := make(map[int]net.Conn)
	frames := int64(0)
	for i, x := range said {
		c := conns[x.conn]
		if c == nil {
			var err error
			if c, err = net.Dial("tcp", Addr(d)); err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			conns[x.conn] = c
		}
		if !x.client {
			if err := hear(c, x.bytes, same); err != nil {
				t.Fatalf("message %d, %s%s: %v", i+1, x.head(), x.line(), err)
			}
			continue
		}
		if x.bytes == nil {
			_ = c.(*net.TCPConn).CloseWrite()
		}
		for rest := x.bytes; len(rest) > 0; {
			n := min(cut, len(rest))
			if _, err := c.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if x.bytes != nil && switchyard.Type(binary.BigEndian.Uint16(x.bytes[6:])) == switchyard.TypePacketOut {
			frames++
			awaitCount(t, d, "frames", frames)
		}
	}
	for conn, c := range conns { // nothing may come behind
		_ = c.(*net.TCPConn).CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if more, err := io.ReadAll(c); err != nil || len(more) > 0 {
			t.Errorf("connection %d: behind the transcript came %x, %v", conn, more, err)
		}
	}
}

// What stands in a transcript is what went over the wire, whole, in both ways.
func TestTheRelayChangesNothing(t *testing.T) {
	_, addr := serve(t, "")
	r := interpose(t, addr)
	hello := switchyard.Message{Type: switchyard.TypeHello, Payload: payload("client_name", "x")}.Append(nil)
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, b := range hello {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readMessage(c)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	r.await(t, 1, 0, 2)
	said := r.all()
	if len(said) != 4 || !bytes.Equal(said[0].bytes, hello) || !bytes.Equal(said[1].bytes, got) || !said[2].client || said[3].client {
		t.Errorf("written down was\n%s", render("", said))
	}
}
