package dns

import "bytes"

// QuestionName is the name of the question as it stands in a message: labels with
// their lengths, in the letters that the client has chosen. nil if it is not all
// there, or compressed.
func QuestionName(b []byte) []byte {
	for off := headerSize; off < len(b); {
		switch n := int(b[off]); {
		case n == 0:
			return b[headerSize : off+1]
		case n > 63: // RFC 1035, section 4.1.4
			return nil
		default:
			off += 1 + n
		}
	}
	return nil
}

// Spell gives the question of a reply the letters in which it was asked: names are
// equal whatever the case of their letters (RFC 4343), but some clients take no
// reply that has others than their question.
func Spell(reply, name []byte) {
	if end := headerSize + len(name); len(reply) >= end && bytes.EqualFold(reply[headerSize:end], name) {
		copy(reply[headerSize:end], name)
	}
}

// AppendFormatError appends the reply to a message that has a header and could not
// be read beyond it: RFC 1035, section 4.1.1.
func (m *Message) AppendFormatError(dst []byte) ([]byte, error) {
	h := Header{ID: m.ID, Response: true, Opcode: m.Opcode, Desired: m.Desired, Code: FormatError}
	return headers.Append(dst, &h)
}

// HasHeader reports whether there is enough of a message for its header.
func HasHeader(b []byte) bool { return len(b) >= headerSize }
