package scenarios

import "strings"

// ParamInfo describes a parameter of a protocol, for people.
type ParamInfo struct {
	Name, Doc, Type, Default string
	List                     bool // it holds several, with commas between them
}

// Params lists the parameters of a protocol in the order of its Config.
func (p Protocol) Params() []ParamInfo {
	if p.Config == nil {
		return nil
	}
	params, err := configParams(p.Config())
	if err != nil {
		return nil // RegisterProtocol has refused it
	}
	var out []ParamInfo
	for i := range params {
		x := &params[i]
		t := x.kind.String()
		if x.oneof != nil {
			t = strings.Join(x.oneof, "|")
		}
		out = append(out, ParamInfo{x.name, x.doc, t, x.def, x.list})
	}
	return out
}
