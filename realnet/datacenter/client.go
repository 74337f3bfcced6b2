package datacenter

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/metrics"
)

// Client talks to a [Server].
type Client struct {
	name  string // its address, without a password
	base  string
	token string
	http  *http.Client
}

// ErrNobody says that no datacenter answers at an address.
var ErrNobody = errors.New("no datacenter answers")

// Refused is what a datacenter answered instead of doing something.
type Refused struct {
	Status int // of HTTP
	Text   string
}

func (r *Refused) Error() string { return r.Text }

// NewClient makes a client of the datacenter at "unix:/path/to.sock" or
// "http://host:port", maybe with "user:token@" before the host. It connects when
// it asks.
func NewClient(address, token string) (*Client, error) {
	c := &Client{name: address, token: token}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	transport := &http.Transport{DialContext: dialer.DialContext, IdleConnTimeout: time.Minute}
	c.http = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		c.base = "http://localhost"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		}
		return c, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("address %q: want http://host:port or unix:/path", address)
	}
	if password, ok := u.User.Password(); ok && token == "" {
		c.token = password
	}
	c.base = "http://" + u.Host
	c.name = c.base
	return c, nil
}

// Close ends the connections that are kept.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// String is the address, without a password.
func (c *Client) String() string { return c.name }

// answerMax bounds an answer.
const answerMax = 256 << 20

// do asks for something and reads the answer.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	resp, err := c.request(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerMax))
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%s: not an answer of a datacenter: %w", c.name, err)
	}
	return nil
}

// request asks for something; the answer is a good one.
func (c *Client) request(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api"+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("X-Dsim-Token", c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return nil, fmt.Errorf("%w at %s: %w", ErrNobody, c.name, op.Err)
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, refusalOf(resp)
}

// refusalOf reads a problem as RFC 9457 has it, or whatever else there is.
func refusalOf(resp *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var p struct {
		Detail string
		Errors []struct{ Message, Location string }
	}
	r := &Refused{Status: resp.StatusCode, Text: strings.Join(strings.Fields(string(b)), " ")}
	if json.Unmarshal(b, &p) == nil && p.Detail != "" {
		r.Text = p.Detail
		for _, e := range p.Errors {
			r.Text += fmt.Sprintf("; %s: %s", e.Location, e.Message)
		}
	}
	return r
}

func (c *Client) change(ctx context.Context, method, path string, in any) (uint64, error) {
	var d done
	err := c.do(ctx, method, path, in, &d)
	return d.Version, err
}

func cellAt(id string) string   { return "/cells/" + url.PathEscape(id) }
func linkAt(name string) string { return "/links/" + url.PathEscape(name) }

// Status, Topology, Snapshot and Metrics are what the controller's methods of
// these names give.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.do(ctx, http.MethodGet, "/status", nil, &s)
}

// Topology gives the version it is of, too.
func (c *Client) Topology(ctx context.Context) (version uint64, t Topology, err error) {
	var v struct {
		Version uint64 `json:"version,string"`
		Topology
	}
	err = c.do(ctx, http.MethodGet, "/topology", nil, &v)
	return v.Version, v.Topology, err
}

// Snapshot is the topology with what every cell says of itself.
func (c *Client) Snapshot(ctx context.Context) (s cells.Snapshot, err error) {
	return s, c.do(ctx, http.MethodGet, "/snapshot", nil, &s)
}

// Metrics are all numbers.
func (c *Client) Metrics(ctx context.Context) (m metrics.DatacenterMetrics, err error) {
	return m, c.do(ctx, http.MethodGet, "/metrics", nil, &m)
}

// Declare makes the topology what is declared; version 0 is the next.
func (c *Client) Declare(ctx context.Context, version uint64, t Topology) (uint64, error) {
	return c.change(ctx, http.MethodPut, "/topology", struct {
		Version uint64 `json:"version,string,omitempty"`
		Topology
	}{version, t})
}

// Apply applies a batch; version 0 is the next.
func (c *Client) Apply(ctx context.Context, version uint64, changes []ChangeBody) (uint64, error) {
	return c.change(ctx, http.MethodPost, "/batches", struct {
		Version uint64       `json:"version,string,omitempty"`
		Changes []ChangeBody `json:"changes"`
	}{version, changes})
}

// AddCell adds a cell.
func (c *Client) AddCell(ctx context.Context, id string, b CellBody) (uint64, error) {
	return c.change(ctx, http.MethodPut, cellAt(id), b)
}

// SetCell sets a cell.
func (c *Client) SetCell(ctx context.Context, id string, params map[string]string) (uint64, error) {
	return c.change(ctx, http.MethodPatch, cellAt(id), map[string]any{"params": params})
}

// RemoveCell removes a cell with its links.
func (c *Client) RemoveCell(ctx context.Context, id string) (uint64, error) {
	return c.change(ctx, http.MethodDelete, cellAt(id), nil)
}

// Kill ends a cell's process at once.
func (c *Client) Kill(ctx context.Context, id string) error {
	_, err := c.change(ctx, http.MethodPost, cellAt(id)+"/kill", nil)
	return err
}

// AddLink adds a link.
func (c *Client) AddLink(ctx context.Context, name string, b LinkBody) (uint64, error) {
	return c.change(ctx, http.MethodPut, linkAt(name), b)
}

// SetLink sets parameters of a link.
func (c *Client) SetLink(ctx context.Context, name string, both, ab, ba map[string]string) (uint64, error) {
	return c.change(ctx, http.MethodPatch, linkAt(name), struct {
		Both map[string]string `json:"both,omitempty"`
		AB   map[string]string `json:"ab,omitempty"`
		BA   map[string]string `json:"ba,omitempty"`
	}{both, ab, ba})
}

// RemoveLink removes a link; with drain, what was sent arrives.
func (c *Client) RemoveLink(ctx context.Context, name string, drain bool) (uint64, error) {
	return c.change(ctx, http.MethodDelete, linkAt(name)+"?drain="+strconv.FormatBool(drain), nil)
}

// Fault does a fault to a link.
func (c *Client) Fault(ctx context.Context, link string, f Fault) (uint64, error) {
	return c.change(ctx, http.MethodPost, linkAt(link)+"/fault", f)
}

// Command gives a cell a command and returns its answer.
func (c *Client) Command(ctx context.Context, id string, words []string) (string, error) {
	var a struct{ Answer string }
	err := c.do(ctx, http.MethodPost, cellAt(id)+"/command", map[string]any{"words": words}, &a)
	return a.Answer, err
}

// Logs are the last lines of a cell's standard error.
func (c *Client) Logs(ctx context.Context, id string, lines int) ([]string, error) {
	var a struct{ Lines []string }
	err := c.do(ctx, http.MethodGet, cellAt(id)+"/logs?lines="+strconv.Itoa(lines), nil, &a)
	return a.Lines, err
}

// Events are those after the n-th that are still kept, at most so many.
func (c *Client) Events(ctx context.Context, after uint64, most int) ([]Event, error) {
	var a struct{ Events []Event }
	err := c.do(ctx, http.MethodGet, fmt.Sprintf("/events?after=%d&most=%d", after, most), nil, &a)
	return a.Events, err
}

// Follow gives each event after the n-th to take, until ctx is over, take gives
// an error, or the datacenter ends.
func (c *Client) Follow(ctx context.Context, after uint64, take func(Event) error) error {
	resp, err := c.request(ctx, http.MethodGet, "/events/stream?after="+strconv.FormatUint(after, 10), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return fmt.Errorf("%s: not an event: %w", c.name, err)
		}
		if err := take(e); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return lines.Err()
}

// End ends the datacenter and all processes that it started.
func (c *Client) End(ctx context.Context) error {
	_, err := c.change(ctx, http.MethodPost, "/end", nil)
	return err
}
