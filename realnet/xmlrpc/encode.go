package xmlrpc

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

const (
	header   = "<?xml version='1.0'?>\n"
	timeForm = "20060102T15:04:05"
)

// AppendCall appends the body of a call.
func AppendCall(b []byte, method string, args ...any) ([]byte, error) {
	if !isMethodName(method) {
		return b, fmt.Errorf("method %q: a name is letters, digits and _ . : / only", short(method))
	}
	e := encoder{b: append(b, header...)}
	e.text("<methodCall>\n<methodName>", method, "</methodName>\n<params>\n")
	for i, a := range args {
		e.param(a)
		if e.err != nil {
			return b, fmt.Errorf("%s: argument %d%s: %w", method, i+1, e.where(), e.err)
		}
	}
	e.text("</params>\n</methodCall>\n")
	return e.b, nil
}

// AppendResult appends the body of an answer.
func AppendResult(b []byte, v any) ([]byte, error) {
	e := encoder{b: append(b, header...)}
	e.text("<methodResponse>\n<params>\n")
	e.param(v)
	if e.err != nil {
		return b, fmt.Errorf("result%s: %w", e.where(), e.err)
	}
	e.text("</params>\n</methodResponse>\n")
	return e.b, nil
}

// AppendFault appends the body of a fault. Text that XML cannot carry is
// quoted.
func AppendFault(b []byte, f *Fault) []byte {
	e := encoder{b: append(b, header...)}
	e.text("<methodResponse>\n<fault>\n")
	e.value(faultValue(f), 0)
	e.text("\n</fault>\n</methodResponse>\n")
	return e.b
}

// faultValue is a fault as a value that can be written.
func faultValue(f *Fault) Struct {
	text := f.Text
	if i, _ := forbidden(text); i >= 0 {
		text = strconv.QuoteToASCII(text)
	}
	code := min(max(int64(f.Code), math.MinInt32), math.MaxInt32)
	return Struct{"faultCode": code, "faultString": text}
}

// encoder appends values. With err set, nothing more is worth appending.
type encoder struct {
	b    []byte
	path []string // of the value that err is about, innermost first
	err  error
}

func (e *encoder) text(parts ...string) {
	for _, s := range parts {
		e.b = append(e.b, s...)
	}
}

// where is the place within the outermost value that the error is about.
func (e *encoder) where() (s string) {
	for _, p := range slices.Backward(e.path) {
		s += p
	}
	return s
}

func (e *encoder) param(v any) {
	e.text("<param>\n")
	e.value(v, 0)
	e.text("\n</param>\n")
}

func (e *encoder) value(v any, depth int) {
	if depth > DepthDefault {
		e.err = fmt.Errorf("deeper than %d values within each other", DepthDefault)
		return
	}
	e.text("<value>")
	switch v := v.(type) {
	case nil:
		e.text("<nil/>")
	case bool:
		bit := "0"
		if v {
			bit = "1"
		}
		e.text("<boolean>", bit, "</boolean>")
	case string:
		e.text("<string>")
		e.chars(v)
		e.text("</string>")
	case float64:
		e.double(v)
	case []byte:
		e.text("<base64>")
		e.b = base64.StdEncoding.AppendEncode(e.b, v)
		e.text("</base64>")
	case time.Time:
		e.time(v)
	default:
		if !e.compound(v, depth) && !e.integer(v) {
			e.err = fmt.Errorf("a value of type %T has no form in XML-RPC", v)
		}
	}
	e.text("</value>")
}

func (e *encoder) double(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		e.err = fmt.Errorf("%v: a double is finite", v)
		return
	}
	e.text("<double>")
	e.b = strconv.AppendFloat(e.b, v, 'g', -1, 64)
	e.text("</double>")
}

func (e *encoder) time(v time.Time) {
	v = v.UTC()
	if y := v.Year(); y < 1 || y > 9999 {
		e.err = fmt.Errorf("year %d: a time has a year from 1 to 9999", y)
		return
	}
	e.text("<dateTime.iso8601>", v.Format(timeForm), "</dateTime.iso8601>")
}

// compound writes what holds other values; false if v does not.
func (e *encoder) compound(v any, depth int) bool {
	switch v := v.(type) {
	case Array:
		appendArray(e, v, depth)
	case []string:
		appendArray(e, v, depth)
	case []Struct:
		appendArray(e, v, depth)
	case Struct:
		appendStruct(e, v, depth)
	case map[string]string:
		appendStruct(e, v, depth)
	default:
		return false
	}
	return true
}

func appendArray[T any](e *encoder, list []T, depth int) {
	e.text("<array><data>\n")
	for i, x := range list {
		e.value(x, depth+1)
		if e.err != nil {
			e.path = append(e.path, fmt.Sprintf("[%d]", i))
			return
		}
		e.text("\n")
	}
	e.text("</data></array>")
}

func appendStruct[T any](e *encoder, m map[string]T, depth int) {
	e.text("<struct>\n")
	for _, k := range slices.Sorted(maps.Keys(m)) {
		e.text("<member>\n<name>")
		e.chars(k)
		e.text("</name>\n")
		if e.err == nil {
			e.value(m[k], depth+1)
		}
		if e.err != nil {
			e.path = append(e.path, fmt.Sprintf("[%q]", short(k)))
			return
		}
		e.text("\n</member>\n")
	}
	e.text("</struct>")
}

// integer writes any of Go's integers; false if v is none.
func (e *encoder) integer(v any) bool {
	var n int64
	switch v := v.(type) {
	case int:
		n = int64(v)
	case int8:
		n = int64(v)
	case int16:
		n = int64(v)
	case int32:
		n = int64(v)
	case int64:
		n = v
	case uint8:
		n = int64(v)
	case uint16:
		n = int64(v)
	case uint32:
		n = int64(v)
	case uint:
		n = clip(uint64(v))
	case uint64:
		n = clip(v)
	default:
		return false
	}
	if n != int64(int32(n)) {
		e.err = fmt.Errorf("integer %d: XML-RPC carries 32 bits; send it as a string", v)
		return true
	}
	e.text("<int>")
	e.b = strconv.AppendInt(e.b, n, 10)
	e.text("</int>")
	return true
}

// clip is n, or a number that is refused like it.
func clip(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// chars writes text. The carriage return is a reference: a reader of XML would
// make a line feed of it.
func (e *encoder) chars(s string) {
	if i, what := forbidden(s); i >= 0 {
		e.err = fmt.Errorf("%s at byte %d: XML cannot carry it; send base64", what, i)
		return
	}
	last := 0
	for i := range len(s) {
		var esc string
		switch s[i] {
		case '&':
			esc = "&amp;"
		case '<':
			esc = "&lt;"
		case '>':
			esc = "&gt;"
		case '\r':
			esc = "&#xD;"
		default:
			continue
		}
		e.text(s[last:i], esc)
		last = i + 1
	}
	e.text(s[last:])
}

// forbidden finds the first thing in a text that XML 1.0 cannot carry (section
// 2.2), -1 if there is none.
func forbidden(s string) (at int, what string) {
	for i, r := range s {
		switch {
		case r == utf8.RuneError:
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i, fmt.Sprintf("byte 0x%02x that is not UTF-8", s[i])
			}
		case r < ' ' && r != '\t' && r != '\n' && r != '\r':
			return i, fmt.Sprintf("control character 0x%02x", r)
		case r == 0xfffe || r == 0xffff:
			return i, fmt.Sprintf("U+%04X", r)
		}
	}
	return -1, ""
}

// nameMax bounds a method's name.
const nameMax = 256

func isMethodName(s string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && c != '_' && c != '.' && c != ':' && c != '/' {
			return false
		}
	}
	return s != "" && len(s) <= nameMax
}

// short is a text for an error.
func short(s string) string {
	const long = 60
	if len(s) <= long {
		return s
	}
	n := long
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
