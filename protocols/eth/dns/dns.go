// Package dns is the format of domain name messages of RFC 1035: one question,
// and answers that are addresses (A, and AAAA of RFC 3596) or names (PTR, CNAME,
// NS). Records of other types are read as the bytes they have. Names are read
// with compression and written without; both are bounded, and a pointer that
// leads anywhere but backwards is refused. What is asked and answered is left to
// servers and clients.
package dns

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"

	"example.com/dsim/protocols/wire"
)

// Port is the UDP port of servers, and MessageMax the most bytes of a message
// over UDP.
const (
	Port       = 53
	MessageMax = 512
)

// AnswersMax is how many records of a message are read; none that keeps to
// MessageMax has more.
const AnswersMax = 42

// Type is the type of a record, or what is asked for.
type Type uint16

// The types that are understood.
const (
	TypeA     Type = 1
	TypeNS    Type = 2
	TypeCNAME Type = 5
	TypePTR   Type = 12
	TypeAAAA  Type = 28
)

// ClassIN is the one class that is used.
const ClassIN = 1

var typeNames = map[Type]string{TypeA: "A", TypeNS: "NS", TypeCNAME: "CNAME", TypePTR: "PTR", TypeAAAA: "AAAA"}

// String is the type's word, or its number as RFC 3597 writes it.
func (t Type) String() string {
	if s := typeNames[t]; s != "" {
		return s
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// ParseType reads the word of a type that can be asked for.
func ParseType(s string) (Type, error) {
	for _, t := range []Type{TypeA, TypeAAAA, TypePTR} {
		if s == t.String() {
			return t, nil
		}
	}
	return 0, fmt.Errorf("type %q: want A, AAAA or PTR", s)
}

// Code says how a question was answered.
type Code uint8

// The codes of RFC 1035, section 4.1.1.
const (
	NoError        Code = 0
	FormatError    Code = 1
	ServerFailure  Code = 2
	NameError      Code = 3 // NXDOMAIN: there is no such name
	NotImplemented Code = 4
	Refused        Code = 5
)

var codeNames = [...]string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"}

// String is the code's usual word.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return "RCODE" + strconv.Itoa(int(c))
}

// Header is the first twelve bytes of a message.
type Header struct {
	ID            uint16
	Response      bool
	Opcode        uint8 // 0: a question
	Authoritative bool
	Truncated     bool
	Desired       bool // recursion is
	Available     bool // recursion is
	Code          Code

	questions, answers, authorities, others uint16
}

// RFC 1035, section 4.1.1.
var headers = wire.NewLayout("dns",
	wire.U16("id", func(h *Header) *uint16 { return &h.ID }),
	wire.Bits("flags", 2,
		wire.Flag("response", 15, func(h *Header) *bool { return &h.Response }),
		wire.Part("opcode", 11, 4, func(h *Header) *uint8 { return &h.Opcode }),
		wire.Flag("authoritative", 10, func(h *Header) *bool { return &h.Authoritative }),
		wire.Flag("truncated", 9, func(h *Header) *bool { return &h.Truncated }),
		wire.Flag("desired", 8, func(h *Header) *bool { return &h.Desired }),
		wire.Flag("available", 7, func(h *Header) *bool { return &h.Available }),
		wire.Part("code", 0, 4, func(h *Header) *Code { return &h.Code }),
	),
	wire.U16("questions", func(h *Header) *uint16 { return &h.questions }),
	wire.U16("answers", func(h *Header) *uint16 { return &h.answers }),
	wire.U16("authorities", func(h *Header) *uint16 { return &h.authorities }),
	wire.U16("others", func(h *Header) *uint16 { return &h.others }),
)

// Question is what is asked.
type Question struct {
	Name  Name
	Type  Type
	Class uint16
}

// String is the question as "A svc_echo".
func (q Question) String() string { return q.Type.String() + " " + string(q.Name) }

// Record is what is known of a name.
type Record struct {
	Name   Name
	Type   Type
	Class  uint16
	TTL    uint32     // in seconds
	Addr   netip.Addr // of A and AAAA
	Target Name       // of PTR, CNAME and NS
	Data   []byte     // of all others
}

// String is the record as "A svc_echo 10.0.0.2".
func (r Record) String() string {
	s := r.Type.String() + " " + string(r.Name) + " "
	switch r.Type {
	case TypeA, TypeAAAA:
		return s + r.Addr.String()
	case TypePTR, TypeCNAME, TypeNS:
		return s + string(r.Target)
	}
	return s + strconv.Itoa(len(r.Data)) + " bytes"
}

// AddressRecord is the record that a name has an address.
func AddressRecord(n Name, a netip.Addr, ttl uint32) Record {
	t := TypeAAAA
	if a.Is4() {
		t = TypeA
	}
	return Record{Name: n, Type: t, Class: ClassIN, TTL: ttl, Addr: a}
}

// PointerRecord is the record that an address has a name.
func PointerRecord(a netip.Addr, target Name, ttl uint32) Record {
	return Record{Name: ReverseName(a), Type: TypePTR, Class: ClassIN, TTL: ttl, Target: target}
}

// Message is a message of one question. What lies behind the answers, of
// authority and additional, is not read.
type Message struct {
	Header
	Question Question
	Answers  []Record
}

// Parse reads a message. It fails if it has not one question, or more than
// [AnswersMax] answers. Header holds if that much could be read.
func (m *Message) Parse(b []byte) error {
	*m = Message{Answers: m.Answers[:0]}
	if _, err := headers.DecodePrefix(b, &m.Header); err != nil {
		return err
	}
	switch h := &m.Header; {
	case h.questions != 1:
		return fmt.Errorf("dns: %d questions: want one", h.questions)
	case h.answers > AnswersMax:
		return fmt.Errorf("dns: %d answers: want at most %d", h.answers, AnswersMax)
	}
	n, off, err := readName(b, headerSize)
	if err == nil && off+4 > len(b) {
		err = errCut
	}
	if err != nil {
		return fmt.Errorf("dns: question: %w", err)
	}
	m.Question = Question{n, Type(binary.BigEndian.Uint16(b[off:])), binary.BigEndian.Uint16(b[off+2:])}
	off += 4
	for i := range int(m.answers) {
		var r Record
		if off, err = r.parse(b, off); err != nil {
			return fmt.Errorf("dns: answer %d: %w", i+1, err)
		}
		m.Answers = append(m.Answers, r)
	}
	return nil
}

const headerSize = 12

// parse reads the record at off, RFC 1035, section 4.1.3.
func (r *Record) parse(b []byte, off int) (int, error) {
	n, off, err := readName(b, off)
	if err != nil {
		return 0, err
	}
	if off+10 > len(b) {
		return 0, errCut
	}
	r.Name, r.Type, r.Class = n, Type(binary.BigEndian.Uint16(b[off:])), binary.BigEndian.Uint16(b[off+2:])
	r.TTL = binary.BigEndian.Uint32(b[off+4:])
	off += 10
	end := off + int(binary.BigEndian.Uint16(b[off-2:]))
	if end > len(b) {
		return 0, errCut
	}
	data := b[off:end:end]
	switch r.Type {
	case TypeA, TypeAAAA:
		var ok bool
		if r.Addr, ok = netip.AddrFromSlice(data); !ok || r.Addr.Is4() != (r.Type == TypeA) {
			return 0, fmt.Errorf("%s of %d bytes", r.Type, len(data))
		}
	case TypePTR, TypeCNAME, TypeNS:
		var next int
		if r.Target, next, err = readName(b[:end], off); err != nil {
			return 0, err
		}
		if next != end {
			return 0, fmt.Errorf("%s: %d bytes behind the name", r.Type, end-next)
		}
	default:
		r.Data = data
	}
	return end, nil
}

// Append puts the message at the end of dst. Answers for which MessageMax
// leaves no room are left out, and the message says that it is truncated.
func (m *Message) Append(dst []byte) ([]byte, error) {
	start := len(dst)
	h := m.Header
	h.questions, h.answers, h.authorities, h.others = 1, 0, 0, 0
	dst, err := headers.Append(dst, &h)
	if err == nil {
		dst, err = appendName(dst, m.Question.Name)
	}
	if err != nil {
		return dst[:start], fmt.Errorf("dns: question: %w", err)
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(m.Question.Type))
	dst = binary.BigEndian.AppendUint16(dst, m.Question.Class)
	for i := range m.Answers {
		whole, err := m.Answers[i].append(dst)
		if err != nil {
			return dst[:start], fmt.Errorf("dns: answer %d: %w", i+1, err)
		}
		if len(whole)-start > MessageMax {
			dst[start+2] |= 0x02 // truncated
			break
		}
		dst = whole
		binary.BigEndian.PutUint16(dst[start+6:], uint16(i+1))
	}
	return dst, nil
}

func (r *Record) append(dst []byte) ([]byte, error) {
	start := len(dst)
	dst, err := appendName(dst, r.Name)
	if err != nil {
		return dst, err
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(r.Type))
	dst = binary.BigEndian.AppendUint16(dst, r.Class)
	dst = binary.BigEndian.AppendUint32(dst, r.TTL)
	length := len(dst)
	dst = append(dst, 0, 0)
	switch r.Type {
	case TypeA, TypeAAAA:
		if !r.Addr.IsValid() || r.Addr.Is4() != (r.Type == TypeA) {
			return dst[:start], fmt.Errorf("%s with the address %s", r.Type, r.Addr)
		}
		dst = append(dst, r.Addr.AsSlice()...)
	case TypePTR, TypeCNAME, TypeNS:
		if dst, err = appendName(dst, r.Target); err != nil {
			return dst[:start], err
		}
	default:
		if len(r.Data) > 0xffff {
			return dst[:start], fmt.Errorf("%s of %d bytes: at most 65535", r.Type, len(r.Data))
		}
		dst = append(dst, r.Data...)
	}
	binary.BigEndian.PutUint16(dst[length:], uint16(len(dst)-length-2))
	return dst, nil
}

// Ask is the question for records of a type, as a client asks it.
func Ask(id uint16, n Name, t Type) Message {
	return Message{Header: Header{ID: id, Desired: true}, Question: Question{n, t, ClassIN}}
}

// Reply is the reply to a question, of a server that knows what it says.
func (m *Message) Reply(c Code, answers ...Record) Message {
	return Message{
		Header:   Header{ID: m.ID, Response: true, Opcode: m.Opcode, Authoritative: c == NoError || c == NameError, Desired: m.Desired, Code: c},
		Question: m.Question, Answers: answers,
	}
}

// String is the message in one line: "question 7 A svc_echo", "reply 7
// NOERROR A svc_echo: A svc_echo 10.0.0.2".
func (m *Message) String() string {
	id := strconv.Itoa(int(m.ID))
	if !m.Response {
		return "question " + id + " " + m.Question.String()
	}
	s := "reply " + id + " " + m.Code.String() + " " + m.Question.String()
	for i, r := range m.Answers {
		s += map[bool]string{true: ": ", false: ", "}[i == 0] + r.String()
	}
	return s
}
