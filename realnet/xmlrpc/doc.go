// Package xmlrpc is XML-RPC, both sides of it: what a datacenter and its cells
// speak, and what Python's xmlrpc.client and xmlrpc.server speak with them.
//
//	c, err := xmlrpc.NewClient("http://127.0.0.1:9001", xmlrpc.Options{})
//	answer, err := c.Call(ctx, "bind_port", "p0", xmlrpc.Struct{"interface": "en2"})
//
//	s := xmlrpc.NewServer(xmlrpc.Limits{})
//	s.Handle("heartbeat", xmlrpc.Method{Help: "is it there?", Signatures: [][]string{{"string"}}, Call: beat})
//	mux := http.NewServeMux()
//	s.Register(mux) // POST / and POST /RPC2
//
// Values and their types in Go:
//
//	<int>, <i4>           int64, within 32 bits
//	<i8>                  int64; it is read, never written
//	<boolean>             bool
//	<double>              float64, finite
//	<string>, untyped     string
//	<base64>              []byte
//	<dateTime.iso8601>    time.Time; it names no zone and is taken as UTC
//	<array>               []any
//	<struct>              map[string]any, written in the order of its keys
//	<nil/>                nil
//
// Integers beyond 32 bits are refused, not cut: they travel as strings.
// Characters that XML cannot carry are refused: they travel as base64. A carriage
// return is written as a reference, because XML turns a plain one into a line
// feed. What comes in is bounded in bytes, depth and elements; document types,
// directives and processing instructions are refused, so that no entity is ever
// expanded but the five that XML has itself.
//
// Who may call is left to package guard; what is called, to whoever registers it.
package xmlrpc

import "fmt"

// Struct and Array are the types of compound values.
type (
	Struct = map[string]any
	Array  = []any
)

// Limits bound what is read. Zero fields have the default.
type Limits struct {
	Bytes    int64 // of a body; default BytesDefault
	Depth    int   // of values within values; default DepthDefault
	Elements int   // of XML in a body; default ElementsDefault
}

// The bounds of a body where nothing else is said. Depth bounds what is
// written too.
const (
	BytesDefault    = 8 << 20
	DepthDefault    = 64
	ElementsDefault = 1 << 18
)

func (l Limits) orDefault() Limits {
	if l.Bytes <= 0 {
		l.Bytes = BytesDefault
	}
	if l.Depth <= 0 {
		l.Depth = DepthDefault
	}
	if l.Elements <= 0 {
		l.Elements = ElementsDefault
	}
	return l
}

// The codes of faults that a server itself gives, as "Specification for Fault
// Code Interoperability" has them.
const (
	FaultParse    = -32700 // the body is not XML, or not within the limits
	FaultRequest  = -32600 // it is XML, but no call
	FaultMethod   = -32601 // there is no such method
	FaultParams   = -32602 // its arguments are not those that the method takes
	FaultInternal = -32603 // the server is broken
	FaultFailed   = -32500 // the method failed
)

// Fault is a call's failure as the other side told it.
type Fault struct {
	Code int
	Text string
}

// Error is the fault's text and code.
func (f *Fault) Error() string { return fmt.Sprintf("%s (fault %d)", f.Text, f.Code) }

// Faultf makes a fault.
func Faultf(code int, format string, args ...any) *Fault {
	return &Fault{Code: code, Text: fmt.Sprintf(format, args...)}
}

// kindOf is the word for a value's type in signatures and errors.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "nil"
	case bool:
		return "boolean"
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return "int"
	case float64:
		return "double"
	case string:
		return "string"
	case []byte:
		return "base64"
	case Array:
		return "array"
	case Struct:
		return "struct"
	default:
		return dateTime
	}
}

const dateTime = "dateTime.iso8601"
