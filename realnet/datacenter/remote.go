package datacenter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/metrics"
	"example.com/dsim/realnet/socket"
	"example.com/dsim/realnet/xmlrpc"
)

// remote is a cell's process, as its XML-RPC shows it.
type remote struct {
	client  *xmlrpc.Client
	timeout time.Duration
}

// dial gives a remote at an address. It connects when it is called.
func dial(url string, timeout time.Duration) (*remote, error) {
	// Answers grow with what a protocol shows: many times what a call may have.
	limits := xmlrpc.Limits{Bytes: 64 << 20, Elements: 1 << 20}
	client, err := xmlrpc.NewClient(url, xmlrpc.Options{Timeout: timeout, Limits: limits})
	if err != nil {
		return nil, err
	}
	return &remote{client, timeout}, nil
}

func (r *remote) close() { r.client.Close() }

// call calls a method that answers with a text. It never takes longer than the
// remote's bound.
func (r *remote) call(ctx context.Context, method string, args ...any) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	v, err := r.client.Call(ctx, method, args...)
	if errors.Is(err, context.DeadlineExceeded) {
		return "", fmt.Errorf("no answer to %s within %v", method, r.timeout)
	}
	if fault := (*xmlrpc.Fault)(nil); errors.As(err, &fault) {
		return "", &refusal{text: fault.Text, code: fault.Code}
	}
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case nil:
		return "", nil
	}
	return fmt.Sprint(v), nil
}

// refusal is what a cell's process answered instead of doing something. It is
// there, and well.
type refusal struct {
	text string
	code int
}

func (r *refusal) Error() string { return r.text }

// methods are the names of a server's methods; none if it does not tell.
func (r *remote) methods(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	v, err := r.client.Call(ctx, "system.listMethods")
	if fault := (*xmlrpc.Fault)(nil); errors.As(err, &fault) {
		return nil, nil // Python's SimpleXMLRPCServer tells only if asked to
	}
	if err != nil {
		return nil, err
	}
	list, _ := v.(xmlrpc.Array)
	var names []string
	for _, n := range list {
		if s, ok := n.(string); ok {
			names = append(names, s)
		}
	}
	return names, nil
}

// part is one site's part of a batch.
type part struct {
	batch   uint64                   // whose part it is
	Version uint64                   `json:"version"`
	Batch   []cells.Change           `json:"batch"`
	Wires   map[string]socket.Config `json:"wires,omitempty"`
}

func (r *remote) prepare(ctx context.Context, p *part) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = r.call(ctx, "prepare", string(b))
	return err
}

func (r *remote) commit(ctx context.Context, version uint64) error {
	_, err := r.call(ctx, "commit", strconv.FormatUint(version, 10))
	return err
}

func (r *remote) abort(ctx context.Context, version uint64) error {
	_, err := r.call(ctx, "abort", strconv.FormatUint(version, 10))
	return err
}

func (r *remote) command(ctx context.Context, cell cells.ID, args []string) (string, error) {
	words := make(xmlrpc.Array, len(args))
	for i, a := range args {
		words[i] = a
	}
	return r.call(ctx, "command", string(cell), words)
}

func (r *remote) snapshot(ctx context.Context) (s cells.Snapshot, err error) {
	text, err := r.call(ctx, "snapshot")
	if err == nil {
		err = json.Unmarshal([]byte(text), &s)
	}
	return s, err
}

// report is all numbers of a cell's process, at its /status.json.
func (r *remote) report(ctx context.Context) (m metrics.CellMetrics, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	b, err := r.client.Get(ctx, "/status.json", 64<<20)
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	return m, err
}

func (r *remote) lease(ctx context.Context, holder string, span time.Duration) error {
	_, err := r.call(ctx, "lease", holder, max(int(span/time.Second), 1))
	return err
}

func (r *remote) heartbeat(ctx context.Context) (string, error) { return r.call(ctx, "heartbeat") }

func (r *remote) linkStatus(ctx context.Context, port string) (string, error) {
	return r.call(ctx, "link_status", port)
}

func (r *remote) shutdown(ctx context.Context) error {
	_, err := r.call(ctx, "shutdown")
	return err
}

// bind binds a port as the document has it. Its cells answer with a text even
// if they could not.
func (r *remote) bind(ctx context.Context, port string, w socket.Config, ber string) error {
	config := xmlrpc.Struct{"port_name": port}
	switch w.Kind {
	case "unix":
		config["unix_socket"] = xmlrpc.Struct{"path": w.Path, "mode": w.Mode}
	case "unix-stream":
		config["unix_socket"] = xmlrpc.Struct{"path": w.Path, "mode": w.Mode, "type": "stream"}
	case "udp":
		config["interface"] = fmt.Sprintf("%s:%d:%d", w.Host, w.Local, w.Remote)
	case "interface":
		config["interface"] = w.Interface
	default:
		return fmt.Errorf("a wire of kind %q: the document's bind_port has none such", w.Kind)
	}
	if ber != "" {
		config["ber"] = ber
	}
	answer, err := r.call(ctx, "bind_port", port, config)
	if err == nil && strings.HasPrefix(answer, "Error") {
		err = &refusal{text: answer}
	}
	return err
}

func (r *remote) unbind(ctx context.Context, port string) error {
	_, err := r.call(ctx, "unbind_port", port)
	return err
}
