package node

import (
	"context"
	"os"
	"strconv"

	"example.com/dsim/realnet/xmlrpc"
)

// Words for signatures.
const (
	str  = "string"
	num  = "int"
	dbl  = "double"
	dict = "struct"
	list = "array"
	yes  = "boolean"
)

// eventsAll is more than any port keeps.
const eventsAll = 1 << 30

// register gives a server the methods of a node.
func (n *Node) register(s *xmlrpc.Server) {
	add := func(name, help string, signatures [][]string, call func(a []any) (any, error)) {
		s.Handle(name, xmlrpc.Method{Help: help, Signatures: signatures, Call: func(_ context.Context, args []any) (any, error) { return call(args) }})
	}
	n.registerPorts(add)
	n.registerFaults(add)
	n.registerSite(add)
	add("heartbeat", `"alive", as long as the cell can do anything.`, [][]string{{str}}, func([]any) (any, error) {
		return "alive", n.driver.Err()
	})
	add("shutdown", `Closes all ports and ends the process half a second later. "Shutting down...".`, [][]string{{str}}, func([]any) (any, error) {
		n.Shutdown()
		return "Shutting down...", nil
	})
	add("lease", "lease(holder, seconds): the process ends when nobody has called this for so long; 0 seconds: never. Another holder is refused meanwhile.",
		[][]string{{yes, str, num}, {yes, str, dbl}}, func(a []any) (any, error) {
			span, is := a[1].(float64)
			if !is {
				span = float64(a[1].(int64))
			}
			return n.callLease(a[0].(string), span)
		})
	add("info", "Who this is: name, pid, start_ns (instant 0, as text), build, journal, url, seed, life.", [][]string{{dict}}, func([]any) (any, error) {
		return xmlrpc.Struct{
			"name": n.opt.Name, "pid": os.Getpid(), "start_ns": strconv.FormatInt(n.driver.Start().UnixNano(), 10), "build": n.opt.Build,
			"journal": n.journal, "url": n.opt.URL, "seed": n.opt.Seed.String(), "life": number(uint64(n.opt.Life)),
		}, nil
	})
}

type adder func(name, help string, signatures [][]string, call func(a []any) (any, error))

// registerPorts adds the methods of the document, and those it suggests.
func (n *Node) registerPorts(add adder) {
	add("bind_port", `bind_port(port, config): config has unix_socket {path, mode, type} or interface, and maybe ber, log_level, peer, link, stream and parameters of links. "Bound <port> to <where>".`,
		[][]string{{str, str, dict}}, func(a []any) (any, error) {
			return n.Bind(a[0].(string), a[1].(xmlrpc.Struct))
		})
	add("unbind_port", `unbind_port(port): "Unbound <port>", or "<port> not found".`, [][]string{{str, str}}, func(a []any) (any, error) {
		return n.Unbind(a[0].(string))
	})
	add("link_status", `link_status(port): "connected" once it is bound, "unbound" before. get_port_stats tells more.`, [][]string{{str, str}}, func(a []any) (any, error) {
		return n.LinkStatus(a[0].(string))
	})
	add("get_metrics", "What the cell counts: its ports, its protocol (agent), frames in flight, retransmission, lateness. With several cells in the process, of the one named.",
		[][]string{{dict}, {dict, str}}, func(a []any) (any, error) {
			if len(a) == 0 {
				return n.getMetrics("")
			}
			return n.getMetrics(a[0].(string))
		})
	add("get_port_stats", "get_port_stats(port): what one port counts, what is behind it and what is injected into it.", [][]string{{dict, str}}, func(a []any) (any, error) {
		return n.getPortStats(a[0].(string))
	})
	add("event_log", "event_log(port[, n]): the last n events of a port, oldest first: t (seconds since the start), t_ns (as text), kind, bytes, note.",
		[][]string{{list, str}, {list, str, num}}, func(a []any) (any, error) {
			last := int64(eventsAll)
			if len(a) == 2 {
				last = a[1].(int64)
			}
			return n.eventLog(a[0].(string), last)
		})
}

func (n *Node) registerFaults(add adder) {
	add("inject_fault", "inject_fault(port, kind, config): drop {drop_rate}, delay {delay_ms}, disconnect {}, any parameter of links {value}, or link {parameters}. It acts on what the port sends.",
		[][]string{{str, str, str}, {str, str, str, dict}}, func(a []any) (any, error) {
			config := xmlrpc.Struct{}
			if len(a) == 3 {
				config = a[2].(xmlrpc.Struct)
			}
			return n.Inject(a[0].(string), a[1].(string), config)
		})
	add("clear_fault", "clear_fault(port[, kind]): puts back what a fault has changed; all of them without a kind.", [][]string{{str, str}, {str, str, str}}, func(a []any) (any, error) {
		kind := ""
		if len(a) == 2 {
			kind = a[1].(string)
		}
		return n.Clear(a[0].(string), kind)
	})
}

// registerSite adds what our controller calls.
func (n *Node) registerSite(add adder) {
	add("prepare", "prepare(json): checks a batch {version, batch, wires} and opens its sockets. Nothing acts yet.", [][]string{{yes, str}}, func(a []any) (any, error) {
		return true, n.prepare(a[0].(string))
	})
	byVersion := func(f func(uint64) error) func([]any) (any, error) {
		return func(a []any) (any, error) {
			v, err := parseVersion(a[0].(string))
			if err == nil {
				err = f(v)
			}
			return true, err
		}
	}
	add("commit", "commit(version): lets the prepared batch act. The version is a decimal, as text.", [][]string{{yes, str}}, byVersion(n.commit))
	add("abort", "abort(version): forgets the prepared batch.", [][]string{{yes, str}}, byVersion(func(v uint64) error {
		n.driver.Abort(v)
		return nil
	}))
	add("command", "command(cell, words): gives the cell's protocol a command; its answer is text.", [][]string{{str, str, list}}, func(a []any) (any, error) {
		return n.command(a[0].(string), a[1].(xmlrpc.Array))
	})
	add("snapshot", "The topology with everybody's status, as JSON.", [][]string{{str}}, func([]any) (any, error) {
		return toJSON(n.driver.Snapshot())
	})
	add("ports", "The ports of all cells with what is behind them, as JSON.", [][]string{{str}}, func([]any) (any, error) {
		return n.portsJSON()
	})
}
