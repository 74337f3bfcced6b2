package xmlrpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options are how a client calls.
type Options struct {
	Timeout time.Duration // of a call that has no deadline of its own; default 10 s
	Limits  Limits        // of answers
	Token   string        // sent with each request, beside what the address says
}

// TimeoutDefault is how long a call takes at most, unless something else is
// said.
const TimeoutDefault = 10 * time.Second

// Client calls one server, many calls at a time if need be. Connections are
// kept.
type Client struct {
	name    string // without a password
	to      address
	token   string
	timeout time.Duration
	limits  Limits
	http    *http.Client
}

// HTTPError is an answer that HTTP gave instead of the server behind it.
type HTTPError struct {
	Status int
	Text   string // the beginning of the body, on one line
}

// Error is the status and its text.
func (e *HTTPError) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("HTTP %d %s: %s", e.Status, http.StatusText(e.Status), e.Text), ": ")
}

// NewClient makes a client. The address is "http://host:port", maybe with a path
// instead of /RPC2 and with "user:password@" before the host, or
// "unix:/path/to.sock". It connects when it calls.
func NewClient(url string, opt Options) (*Client, error) {
	to, err := parseAddress(url)
	if err != nil {
		return nil, err
	}
	if opt.Timeout <= 0 {
		opt.Timeout = TimeoutDefault
	}
	c := &Client{name: redact(url), to: to, token: opt.Token, timeout: opt.Timeout, limits: opt.Limits.orDefault()}
	c.http = &http.Client{
		Transport:     to.transport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Close ends the connections that are kept. The client may be used again.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// String is the address, without a password.
func (c *Client) String() string { return c.name }

// Call calls a method. An error is a *Fault if the method answered with one; an
// *HTTPError if HTTP did; any other if there is nobody, no answer in time, or
// none that can be understood.
func (c *Client) Call(ctx context.Context, method string, args ...any) (any, error) {
	body, err := AppendCall(nil, method, args...)
	if err != nil {
		return nil, err
	}
	answer, err := c.do(ctx, http.MethodPost, c.to.url, body, c.limits.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", c.name, method, err)
	}
	v, err := ParseResult(answer, c.limits)
	if fault := (*Fault)(nil); err != nil && !errors.As(err, &fault) {
		return nil, fmt.Errorf("%s: %s: %w", c.name, method, err)
	}
	return v, err
}

// Get reads another page of the same server, such as "/metrics", of at most
// bound bytes.
func (c *Client) Get(ctx context.Context, path string, bound int64) ([]byte, error) {
	b, err := c.do(ctx, http.MethodGet, c.to.root+path, nil, bound)
	if err != nil {
		return nil, fmt.Errorf("%s%s: %w", c.name, path, err)
	}
	return b, nil
}

func (c *Client) do(ctx context.Context, verb, url string, body []byte, bound int64) ([]byte, error) {
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	req, err := http.NewRequestWithContext(ctx, verb, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "text/xml")
	}
	if c.to.user != "" || c.to.password != "" {
		req.SetBasicAuth(c.to.user, c.to.password)
	}
	if c.token != "" {
		req.Header.Set("X-Dsim-Token", c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, plain(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, bound+1))
	switch {
	case err != nil:
		return nil, plain(err)
	case resp.StatusCode != http.StatusOK:
		return nil, &HTTPError{Status: resp.StatusCode, Text: short(strings.Join(strings.Fields(string(b)), " "))}
	case int64(len(b)) > bound:
		return nil, fmt.Errorf("the answer is longer than %d bytes", bound)
	}
	return b, nil
}

// plain takes net/http's own words from an error: who was called is said
// already, with no password.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
