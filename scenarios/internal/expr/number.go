package expr

import "fmt"

// CompileNumber reads an expression whose value is a number, or a truth value
// that counts as 0 or 1. A failure is an *[Error].
func CompileNumber(source string, scope *Scope) (*Program, error) {
	return compile(source, scope, "a measure", Int, Bool)
}

// EvalNumber is the value of what CompileNumber has read, for values of Refs.
// It fails as Eval does.
func (p *Program) EvalNumber(values []Value) (int64, error) {
	if len(values) != len(p.Refs) {
		panic("expr: EvalNumber wants a value for each of Refs")
	}
	m := machine{values: values}
	v := p.root.eval(&m)
	switch {
	case m.err != nil:
		return 0, fmt.Errorf("measure %s: %w", p.Source, m.err)
	case v.Type == Text:
		return 0, fmt.Errorf("measure %s: wants a number, this is %s", p.Source, v.Type)
	}
	return v.Int, nil
}
