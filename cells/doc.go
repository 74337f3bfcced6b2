// Package cells is the seam of dsim: what a protocol sees of the world, and
// what the world sees of a protocol.
//
// A [Protocol] only reacts: it is started, ports come up and go down, bytes
// arrive, timers fire, commands are given. Each is one event and one call of a
// handler with an [Env]. The handler asks for effects; the [Host] appends them
// and carries them out after the handler has returned, in the order of the
// calls, folding and recording each. So there is no re-entrance, one order of
// effects, and one place that traces.
//
// The Host runs all cells of a site; what is needed to run a share of them on a
// scheduler of its own is a [Lane]. Where sent bytes go is left to a [Network]:
// the virtual one of package links, or sockets. Both stand behind one
// [Datacenter].
//
//	type echo struct{}
//
//	func (echo) Start(cells.Env)                    {}
//	func (echo) Up(cells.Env, cells.Port)           {}
//	func (echo) Recv(e cells.Env, p cells.Port, b []byte) { e.Send(p, b) }
//	func (echo) Timer(cells.Env, cells.TimerID)     {}
//	func (echo) Down(cells.Env, cells.Port, error)  {}
package cells
