package tree

import (
	"strconv"
)

// The words of messages.
const (
	wordBuild      = "TREE_BUILD"
	wordAck        = "TREE_BUILD_ACK"
	wordInvalidate = "TREE_BUILD_INVALIDATION"
	wordToken      = "RTP"
	wordData       = "DATA_PACKET"
	wordAdmit      = "ADMIT"
	wordAdmitted   = "ADMITTED"
	wordRequest    = "REQUEST"
	wordReply      = "REPLY"
)

// nameMax is the longest name of a cell or port that a message may hold, and
// listMax the longest list of ports.
const (
	nameMax = 255
	listMax = 1 << 20
)

// reader takes the fields of a message one after the other. After the first
// that is wrong, bad is set and all others are zero.
type reader struct {
	rest  []byte
	ended bool // the last field was taken
	bad   bool
}

func read(b []byte) reader { return reader{rest: b} }

// word takes the next field.
func (r *reader) word() []byte {
	if r.ended {
		r.bad = true
		return nil
	}
	for i, x := range r.rest {
		if x == ' ' {
			w := r.rest[:i]
			r.rest = r.rest[i+1:]
			return w
		}
	}
	r.ended = true
	return r.rest
}

// name takes the name of a cell or a port.
func (r *reader) name() []byte {
	w := r.word()
	if !isName(w) {
		r.bad = true
		return nil
	}
	return w
}

func isName(w []byte) bool {
	for _, x := range w {
		if x <= ' ' || x == 0x7f || x == ',' || x == '[' || x == ']' || x == '=' {
			return false
		}
	}
	return len(w) > 0 && len(w) <= nameMax
}

// number takes a decimal number without leading zeros.
func (r *reader) number() uint64 {
	w := r.word()
	if len(w) == 0 || len(w) > 18 || w[0] == '0' && len(w) > 1 {
		r.bad = true
		return 0
	}
	n := uint64(0)
	for _, x := range w {
		if x < '0' || x > '9' {
			r.bad = true
			return 0
		}
		n = 10*n + uint64(x-'0')
	}
	return n
}

// truth takes True or False.
func (r *reader) truth() bool {
	switch w := r.word(); string(w) {
	case "True":
		return true
	case "False":
	default:
		r.bad = true
	}
	return false
}

// list takes a list of ports, and gives what is between its brackets.
func (r *reader) list() []byte {
	w := r.word()
	if len(w) < 2 || len(w) > listMax || w[0] != '[' || w[len(w)-1] != ']' {
		r.bad = true
		return nil
	}
	w = w[1 : len(w)-1]
	if !isList(w) {
		r.bad = true
		return nil
	}
	return w
}

// isList reports whether w is names with commas between them.
func isList(w []byte) bool {
	from := 0
	for i, x := range w {
		if x == ',' {
			if !isName(w[from:i]) {
				return false
			}
			from = i + 1
		}
	}
	return len(w) == 0 || isName(w[from:])
}

// hex takes a number of 16 hexadecimal digits.
func (r *reader) hex() uint64 { return r.digits(r.word()) }

func (r *reader) digits(w []byte) uint64 {
	if len(w) != 16 {
		r.bad = true
		return 0
	}
	n := uint64(0)
	for _, x := range w {
		switch {
		case x >= '0' && x <= '9':
			x -= '0'
		case x >= 'a' && x <= 'f':
			x -= 'a' - 10
		default:
			r.bad = true
			return 0
		}
		n = n<<4 | uint64(x)
	}
	return n
}

// instance takes an instance.
func (r *reader) instance() instance {
	w := r.word()
	if len(w) != 32 {
		r.bad = true
		return instance{}
	}
	return instance{r.digits(w[:16]), r.digits(w[16:])}
}

// all reports whether all fields were right, and no more are there.
func (r *reader) all() bool { return r.ended && !r.bad }

// text takes everything that is left.
func (r *reader) text() []byte {
	if r.ended {
		return nil
	}
	r.ended = true
	return r.rest
}

// message builds one, field by field.
type message []byte

func begin(b []byte, word string) message { return append(b, word...) }

func (m message) name(s string) message { return append(append(m, ' '), s...) }

func (m message) number(n uint64) message { return strconv.AppendUint(append(m, ' '), n, 10) }

func (m message) truth(b bool) message {
	if b {
		return append(m, " True"...)
	}
	return append(m, " False"...)
}

func (m message) hex(n uint64) message { return appendHex(append(m, ' '), n) }

func (m message) instance(i instance) message {
	return appendHex(appendHex(append(m, ' '), i.start), i.salt)
}

func appendHex(b []byte, n uint64) []byte {
	const digits = "0123456789abcdef"
	for s := 60; s >= 0; s -= 4 {
		b = append(b, digits[n>>s&15])
	}
	return b
}

// instance is one life of a root.
type instance struct {
	start uint64 // the root's clock when it began, nanoseconds
	salt  uint64 // drawn
}

func (i instance) String() string { return string(appendHex(appendHex(nil, i.start), i.salt)) }

// compare orders instances: that of the later life is greater.
func (i instance) compare(j instance) int {
	switch {
	case i.start < j.start, i.start == j.start && i.salt < j.salt:
		return -1
	case i == j:
		return 0
	}
	return 1
}

// epoch is one building of a tree.
type epoch struct {
	instance
	generation uint64
}

func (a epoch) compare(b epoch) int {
	if k := a.instance.compare(b.instance); k != 0 {
		return k
	}
	switch {
	case a.generation < b.generation:
		return -1
	case a.generation == b.generation:
		return 0
	}
	return 1
}
