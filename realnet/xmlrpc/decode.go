package xmlrpc

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// ParseCall reads the body of a call. The error is a *Fault that says what is
// wrong, to be sent back.
func ParseCall(body []byte, limits Limits) (method string, args []any, err error) {
	d, err := open(body, limits)
	if err != nil {
		return "", nil, err
	}
	d.want("methodCall")
	d.want("methodName")
	method = strings.TrimSpace(d.chars())
	if d.err == nil && !isMethodName(method) {
		d.fail(FaultRequest, "method %q: a name is letters, digits and _ . : / only", short(method))
	}
	if d.maybe("params") {
		for d.maybe("param") {
			args = append(args, d.wantValue(0))
			d.end()
		}
		d.end()
	}
	d.end()
	d.finish()
	if d.err != nil {
		return "", nil, d.err
	}
	return method, args, nil
}

// ParseResult reads the body of an answer. What the other side answered with a
// fault is an error of type *Fault; a body that is no answer is any other.
func ParseResult(body []byte, limits Limits) (any, error) {
	d, err := open(body, limits)
	if err != nil {
		return nil, wrong(err)
	}
	d.want("methodResponse")
	if d.maybe("fault") {
		v := d.wantValue(0)
		d.end()
		d.end()
		d.finish()
		if d.err != nil {
			return nil, wrong(d.err)
		}
		return nil, faultOf(v)
	}
	d.want("params")
	d.want("param")
	v := d.wantValue(0)
	d.end()
	d.end()
	d.end()
	d.finish()
	if d.err != nil {
		return nil, wrong(d.err)
	}
	return v, nil
}

// wrong is a fault of ours about the other's answer: no fault of theirs.
func wrong(f error) error {
	var fault *Fault
	if errors.As(f, &fault) {
		return fmt.Errorf("not an answer: %s", fault.Text)
	}
	return f
}

// faultOf reads a fault's value.
func faultOf(v any) error {
	m, _ := v.(Struct)
	code, isCode := m["faultCode"].(int64)
	text, isText := m["faultString"].(string)
	if !isCode || !isText || code != int64(int32(code)) {
		return errors.New("not an answer: a fault without faultCode and faultString")
	}
	return &Fault{Code: int(code), Text: text}
}

// decoder walks through a body. Its first error stays: after it, all calls do
// nothing, and lists end.
type decoder struct {
	xml    *xml.Decoder
	limits Limits

	elements int
	peeked   xml.Token
	err      error
}

func open(body []byte, limits Limits) (*decoder, error) {
	limits = limits.orDefault()
	if int64(len(body)) > limits.Bytes {
		return nil, Faultf(FaultParse, "%d bytes: at most %d", len(body), limits.Bytes)
	}
	d := &decoder{xml: xml.NewDecoder(bytes.NewReader(body)), limits: limits}
	d.xml.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("encoding %q: only UTF-8 is read", short(charset))
	}
	return d, nil
}

func (d *decoder) fail(code int, format string, args ...any) {
	if d.err == nil {
		d.err = Faultf(code, format, args...)
	}
}

// token is the next token that means something; nil at the end, or after an
// error.
func (d *decoder) token() xml.Token {
	if t := d.peeked; t != nil {
		d.peeked = nil
		return t
	}
	for d.err == nil {
		before := d.xml.InputOffset()
		t, err := d.xml.Token()
		switch t := t.(type) {
		case xml.StartElement:
			if d.elements++; d.elements > d.limits.Elements {
				d.fail(FaultParse, "too much: at most %d elements", d.limits.Elements)
				return nil
			}
			return t
		case xml.EndElement, xml.CharData:
			return t
		case xml.Directive:
			d.fail(FaultParse, "a document type or directive at byte %d: they are refused", before)
		case xml.ProcInst:
			if t.Target != "xml" || before != 0 {
				d.fail(FaultParse, "a processing instruction at byte %d: they are refused", before)
			}
		case xml.Comment:
		default:
			if !errors.Is(err, io.EOF) {
				d.fail(FaultParse, "not XML: %s", short(strings.TrimPrefix(err.Error(), "xml: ")))
			}
			return nil
		}
	}
	return nil
}

// next is the next token that is not blank text.
func (d *decoder) next() xml.Token {
	for {
		t := d.token()
		text, isText := t.(xml.CharData)
		if !isText {
			return t
		}
		if !blank(text) {
			d.fail(FaultRequest, "text %q between elements", short(string(text)))
			return nil
		}
	}
}

func blank(text []byte) bool {
	return len(bytes.TrimLeft(text, " \t\r\n")) == 0
}

// maybe takes the beginning of an element, if that is what follows.
func (d *decoder) maybe(name string) bool {
	t := d.next()
	if e, ok := t.(xml.StartElement); ok && e.Name.Local == name {
		return true
	}
	d.peeked = t
	return false
}

// want takes the beginning of an element that must follow.
func (d *decoder) want(name string) {
	if !d.maybe(name) {
		d.fail(FaultRequest, "%s where <%s> is wanted", describe(d.next()), name)
	}
}

// end takes the end of the element that is open.
func (d *decoder) end() {
	t := d.next()
	if _, ok := t.(xml.EndElement); !ok {
		d.fail(FaultRequest, "%s where an element is to end", describe(t))
	}
}

// finish makes sure that nothing follows.
func (d *decoder) finish() {
	if t := d.next(); t != nil {
		d.fail(FaultRequest, "%s after the end", describe(t))
	}
}

func describe(t xml.Token) string {
	switch t := t.(type) {
	case xml.StartElement:
		return fmt.Sprintf("<%s>", short(t.Name.Local))
	case xml.EndElement:
		return fmt.Sprintf("</%s>", short(t.Name.Local))
	case xml.CharData:
		return "text"
	}
	return "the end"
}

// chars takes text up to the end of the element that is open.
func (d *decoder) chars() string {
	var b strings.Builder
	for {
		switch t := d.token().(type) {
		case xml.CharData:
			b.Write(t)
		case xml.EndElement:
			return b.String()
		default:
			d.fail(FaultRequest, "%s within text", describe(t))
			return ""
		}
	}
}

func (d *decoder) wantValue(depth int) any {
	d.want("value")
	return d.value(depth)
}

// value takes a value, its <value> having been taken. Without a type in it, it
// is a string, blanks included.
func (d *decoder) value(depth int) any {
	if depth > d.limits.Depth {
		d.fail(FaultParse, "too deep: at most %d values within each other", d.limits.Depth)
	}
	var text strings.Builder
	for d.err == nil {
		switch t := d.token().(type) {
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			return text.String()
		case xml.StartElement:
			if !blank([]byte(text.String())) {
				d.fail(FaultRequest, "text %q before <%s>", short(text.String()), short(t.Name.Local))
			}
			v := d.typed(t.Name.Local, depth)
			d.end()
			return v
		default:
			d.fail(FaultRequest, "%s within a value", describe(t))
		}
	}
	return nil
}

func (d *decoder) typed(kind string, depth int) any {
	switch kind {
	case "string":
		return d.chars()
	case "struct":
		return d.members(depth)
	case "array":
		return d.array(depth)
	case "nil":
		d.end()
		return nil
	case "int", "i1", "i2", "i4", "i8", "boolean", "double", "base64", dateTime:
		text := d.chars()
		if d.err != nil {
			return nil
		}
		v, err := scalar(kind, strings.TrimFunc(text, unicode.IsSpace))
		if err != nil {
			d.fail(FaultRequest, "<%s> %q: %s", kind, short(text), err)
		}
		return v
	}
	d.fail(FaultRequest, "<%s> is no type of XML-RPC", short(kind))
	return nil
}

func scalar(kind, text string) (any, error) {
	switch kind {
	case "boolean":
		if text != "0" && text != "1" {
			return nil, errors.New("a boolean is 0 or 1")
		}
		return text == "1", nil
	case "double":
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || strings.ContainsFunc(text, notInDouble) || math.IsInf(v, 0) {
			return nil, errors.New("a double is a finite decimal number")
		}
		return v, nil
	case "base64":
		b, err := base64.StdEncoding.DecodeString(strings.Map(dropBlank, text))
		if err != nil {
			return nil, errors.New("not base64")
		}
		return b, nil
	case dateTime:
		for _, form := range []string{timeForm, timeForm + "Z", "2006-01-02T15:04:05", time.RFC3339} {
			if t, err := time.Parse(form, text); err == nil && !strings.ContainsAny(text, ".,") {
				return t.UTC(), nil
			}
		}
		return nil, errors.New("a time is such as 20260102T15:04:05")
	}
	bits := map[string]int{"i1": 8, "i2": 16, "i8": 64}[kind]
	if bits == 0 {
		bits = 32
	}
	n, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		return nil, fmt.Errorf("an integer of %d bits is wanted", bits)
	}
	return n, nil
}

func notInDouble(r rune) bool { return !strings.ContainsRune("0123456789+-.eE", r) }

func dropBlank(r rune) rune {
	if unicode.IsSpace(r) {
		return -1
	}
	return r
}

func (d *decoder) members(depth int) Struct {
	m := Struct{}
	for d.maybe("member") {
		d.want("name")
		name := d.chars()
		v := d.wantValue(depth + 1)
		d.end()
		if _, dup := m[name]; dup {
			d.fail(FaultRequest, "member %q: it is there twice", short(name))
		}
		m[name] = v
	}
	d.end()
	return m
}

func (d *decoder) array(depth int) Array {
	list := Array{}
	d.want("data")
	for d.maybe("value") {
		list = append(list, d.value(depth+1))
	}
	d.end()
	d.end()
	return list
}
