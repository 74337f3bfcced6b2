package xmlrpc

import "context"

// callsMax bounds what one system.multicall may call.
const callsMax = 1000

// multicall is the name of the one method that may not call itself.
const multicall = "system.multicall"

// handleSystem registers what Python's ServerProxy and MultiCall expect of any
// server.
func (s *Server) handleSystem() {
	s.Handle("system.listMethods", Method{
		Help:       "The names of all methods.",
		Signatures: [][]string{{"array"}},
		Call:       func(context.Context, []any) (any, error) { return s.names(), nil },
	})
	s.Handle("system.methodHelp", Method{
		Help:       "What a method does.",
		Signatures: [][]string{{"string", "string"}},
		Call: func(_ context.Context, args []any) (any, error) {
			m, err := s.method(args[0].(string))
			return m.Help, err
		},
	})
	s.Handle("system.methodSignature", Method{
		Help:       "The forms in which a method may be called: for each, the type of the result and those of the arguments.",
		Signatures: [][]string{{"array", "string"}},
		Call: func(_ context.Context, args []any) (any, error) {
			m, err := s.method(args[0].(string))
			if err != nil || len(m.Signatures) == 0 {
				return "undef", err
			}
			out := Array{}
			for _, sig := range m.Signatures {
				out = append(out, sig)
			}
			return out, nil
		},
	})
	s.Handle(multicall, Method{
		Help:       "Many calls in one, each a struct of methodName and params. For each there is an array of its result, or the struct of its fault.",
		Signatures: [][]string{{"array", "array"}},
		Call:       s.multicall,
	})
}

func (s *Server) method(name string) (Method, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	m, known := s.methods[name]
	if !known {
		return m, Faultf(FaultMethod, "no method %q; system.listMethods lists them", short(name))
	}
	return m, nil
}

func (s *Server) multicall(ctx context.Context, args []any) (any, error) {
	calls := args[0].(Array)
	if len(calls) > callsMax {
		return nil, Faultf(FaultParams, "%s: %d calls: at most %d", multicall, len(calls), callsMax)
	}
	out := make(Array, 0, len(calls))
	for _, c := range calls {
		v, err := s.one(ctx, c)
		if err != nil {
			out = append(out, faultValue(asFault(err)))
			continue
		}
		out = append(out, Array{v})
	}
	return out, nil
}

// one carries out one call of a multicall. Its result is tried on the encoder,
// so that one that cannot be sent is that call's fault alone.
func (s *Server) one(ctx context.Context, call any) (any, error) {
	m, _ := call.(Struct)
	name, isName := m["methodName"].(string)
	params, isParams := m["params"].(Array)
	if !isName || !isParams {
		return nil, Faultf(FaultRequest, "%s: a call is a struct of methodName, a string, and params, an array", multicall)
	}
	if name == multicall {
		return nil, Faultf(FaultRequest, "%s: it does not call itself", multicall)
	}
	v, err := s.call(ctx, name, params)
	if err != nil {
		return nil, err
	}
	if _, err := AppendResult(nil, v); err != nil {
		return nil, s.broken(name, err)
	}
	return v, nil
}
