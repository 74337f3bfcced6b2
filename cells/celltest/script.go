package celltest

import (
	"example.com/dsim/cells"
)

// Script is a protocol whose handlers a test writes down. A handler that is nil
// does nothing.
type Script struct {
	OnStart   func(cells.Env)
	OnUp      func(cells.Env, cells.Port)
	OnRecv    func(cells.Env, cells.Port, []byte)
	OnTimer   func(cells.Env, cells.TimerID)
	OnDown    func(cells.Env, cells.Port, error)
	OnDrained func(cells.Env, cells.Port)
	OnCommand func(cells.Env, []string) (string, error)
	State     func() []cells.Attr
}

// Start and the other handlers call what the test wrote.
func (s *Script) Start(e cells.Env) {
	if s.OnStart != nil {
		s.OnStart(e)
	}
}

func (s *Script) Up(e cells.Env, p cells.Port) {
	if s.OnUp != nil {
		s.OnUp(e, p)
	}
}

func (s *Script) Recv(e cells.Env, p cells.Port, b []byte) {
	if s.OnRecv != nil {
		s.OnRecv(e, p, b)
	}
}

func (s *Script) Timer(e cells.Env, id cells.TimerID) {
	if s.OnTimer != nil {
		s.OnTimer(e, id)
	}
}

func (s *Script) Down(e cells.Env, p cells.Port, err error) {
	if s.OnDown != nil {
		s.OnDown(e, p, err)
	}
}

func (s *Script) Drained(e cells.Env, p cells.Port) {
	if s.OnDrained != nil {
		s.OnDrained(e, p)
	}
}

func (s *Script) Command(e cells.Env, args []string) (string, error) {
	if s.OnCommand != nil {
		return s.OnCommand(e, args)
	}
	return "", nil
}

// AppendState shows what State gives.
func (s *Script) AppendState(to []cells.Attr) []cells.Attr {
	if s.State != nil {
		return append(to, s.State()...)
	}
	return to
}
