package xmlrpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Method is what a name stands for on a server.
type Method struct {
	// Help is for people: what it does and answers.
	Help string
	// Signatures are the forms in which it may be called: the type of the
	// result, then those of the arguments, by the words of XML-RPC. A call that
	// fits none of them is refused; with no signatures, none is looked at.
	Signatures [][]string
	// Call carries it out. An error that is a *Fault is sent as it is, any other
	// as FaultFailed with its text.
	Call func(ctx context.Context, args []any) (any, error)
}

// Server answers calls, many at a time. Methods are registered before it
// serves.
type Server struct {
	// Log takes what went wrong within the server itself; nil for none.
	Log *slog.Logger

	limits  Limits
	mu      sync.RWMutex
	methods map[string]Method
}

// NewServer makes a server that knows only system.listMethods,
// system.methodHelp, system.methodSignature and system.multicall.
func NewServer(limits Limits) *Server {
	s := &Server{limits: limits.orDefault(), methods: make(map[string]Method)}
	s.handleSystem()
	return s
}

// Handle gives a name a method. It panics if the name is taken or is none.
func (s *Server) Handle(name string, m Method) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, dup := s.methods[name]; dup || !isMethodName(name) || m.Call == nil {
		panic(fmt.Sprintf("xmlrpc: method %q: registered twice, or not well", name))
	}
	s.methods[name] = m
}

// Register puts the server where Python's clients look for one.
func (s *Server) Register(mux *http.ServeMux) {
	mux.Handle("POST /{$}", s)
	mux.Handle("POST /RPC2", s)
}

// ServeHTTP answers one call. Whatever is wrong with the call itself is told by
// a fault; HTTP's own errors are for requests that are no calls.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "XML-RPC is called by POST", http.StatusMethodNotAllowed)
		return
	}
	// A browser sends XML to another site only after asking that site, which
	// would not know how to answer: forms cannot call.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "text/xml" && kind != "application/xml" {
		http.Error(w, "XML-RPC is sent as text/xml", http.StatusUnsupportedMediaType)
		return
	}
	if r.Header.Get("Content-Encoding") != "" {
		http.Error(w, "a body is sent plain", http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.limits.Bytes))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		http.Error(w, fmt.Sprintf("a body is at most %d bytes", s.limits.Bytes), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		return // the client is gone
	}
	out := s.Answer(r.Context(), body)
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	w.Write(out) //nolint:errcheck // the client is gone, and nobody else to tell
}

// Answer carries out the call in a body and gives the body of its answer.
func (s *Server) Answer(ctx context.Context, body []byte) []byte {
	name, args, err := ParseCall(body, s.limits)
	var v any
	if err == nil {
		v, err = s.call(ctx, name, args)
	}
	if err == nil {
		out, wrong := AppendResult(nil, v)
		if wrong == nil {
			return out
		}
		err = s.broken(name, wrong)
	}
	return AppendFault(nil, asFault(err))
}

func asFault(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return &Fault{Code: FaultFailed, Text: err.Error()}
}

// broken tells the log what is the server's own fault.
func (s *Server) broken(name string, cause any) *Fault {
	if s.Log != nil {
		s.Log.Error("a method is broken", "method", name, "cause", fmt.Sprint(cause))
	}
	return Faultf(FaultInternal, "%s: broken: %v", name, cause)
}

// call calls a method by name. A panic of it is the caller's fault to hear of
// and not the end of the process.
func (s *Server) call(ctx context.Context, name string, args []any) (v any, err error) {
	s.mu.RLock()
	m, known := s.methods[name]
	s.mu.RUnlock()
	if !known {
		return nil, Faultf(FaultMethod, "no method %q; system.listMethods lists them", short(name))
	}
	if !fits(m.Signatures, args) {
		return nil, Faultf(FaultParams, "%s is called as %s, not with (%s)", name, forms(name, m.Signatures), strings.Join(kinds(args), ", "))
	}
	defer func() {
		if p := recover(); p != nil {
			v, err = nil, s.broken(name, p)
		}
	}()
	return m.Call(ctx, args)
}

func fits(signatures [][]string, args []any) bool {
	return len(signatures) == 0 || slices.ContainsFunc(signatures, func(sig []string) bool {
		return slices.Equal(sig[1:], kinds(args))
	})
}

func kinds(args []any) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = kindOf(a)
	}
	return out
}

func forms(name string, signatures [][]string) string {
	out := make([]string, len(signatures))
	for i, sig := range signatures {
		out[i] = fmt.Sprintf("%s(%s)", name, strings.Join(sig[1:], ", "))
	}
	return strings.Join(out, " or ")
}

// names lists the methods.
func (s *Server) names() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.methods))
}
