package service

import (
	"bytes"
	"fmt"
)

// quoted is bytes as Python writes them, b'marco polo': the lines of the demo
// are the same whoever prints them.
func quoted(b []byte) string {
	quote := byte('\'')
	if bytes.IndexByte(b, '\'') >= 0 && bytes.IndexByte(b, '"') < 0 {
		quote = '"'
	}
	s := []byte{'b', quote}
	for _, c := range b {
		switch {
		case c == '\n':
			s = append(s, `\n`...)
		case c == '\r':
			s = append(s, `\r`...)
		case c == '\t':
			s = append(s, `\t`...)
		case c == '\\' || c == quote:
			s = append(s, '\\', c)
		case c < ' ' || c > '~':
			s = fmt.Appendf(s, `\x%02x`, c)
		default:
			s = append(s, c)
		}
	}
	return string(append(s, quote))
}
