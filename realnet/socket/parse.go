package socket

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// kinds are the kinds of wires, with what their text looks like.
var kinds = []struct{ kind, text string }{
	{"unix", "unix:PATH:server"},
	{"unix-stream", "unix-stream:PATH:client"},
	{"udp", "127.0.0.1:5000:5001 or udp:HOST:LOCAL:REMOTE"},
	{"tcp", "tcp:127.0.0.1:5000:5001"},
	{"interface", "en0"},
	{"raw", "raw:en0 or raw:en0:0x88b5"},
	{"tap", "tap:tap0"},
}

// allowed is what a wire may be, for errors.
func allowed() string {
	var b strings.Builder
	for i, k := range kinds {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(k.text)
	}
	return b.String()
}

// Parse reads a wire from text: "unix:/run/ab.sock:server", "unix-stream:…" with
// the same words, "127.0.0.1:5000:5001" for UDP between two ports of one host, of
// which the lower is the server's, "tcp:127.0.0.1:5000:5001", "raw:en0" or
// "eth:en0", with the Ethernet type behind if only one is wanted, "tap:tap0", or
// the name of an interface whose one neighbour is to be found.
func Parse(text string) (Config, error) {
	c, err := parse(text)
	if err == nil {
		err = c.Check()
	}
	if err != nil {
		return Config{}, fmt.Errorf("%q: %w", text, err)
	}
	return c, nil
}

func parse(text string) (Config, error) {
	kind, rest, found := strings.Cut(text, ":")
	if !found {
		return Config{Kind: "interface", Interface: text}, nil
	}
	switch kind {
	case "unix", "unix-stream":
		i := strings.LastIndexByte(rest, ':')
		if i < 0 {
			return Config{}, fmt.Errorf("no mode: want %s:PATH:server or %s:PATH:client", kind, kind)
		}
		return Config{Kind: kind, Path: rest[:i], Mode: rest[i+1:]}, nil
	case "udp", "tcp":
		return parsePorts(kind, rest)
	case "raw", "eth":
		return parseRaw(rest)
	case "tap", "interface":
		return Config{Kind: kind, Interface: rest}, nil
	}
	if strings.Count(text, ":") < 2 {
		return Config{}, fmt.Errorf("is no wire: want one of %s", allowed())
	}
	return parsePorts("udp", text)
}

// parsePorts reads HOST:LOCAL:REMOTE; an IPv6 address may stand in brackets.
func parsePorts(kind, text string) (Config, error) {
	c := Config{Kind: kind}
	head, remote, ok := cutLast(text)
	host, local, ok2 := cutLast(head)
	if !ok || !ok2 {
		return c, fmt.Errorf("want %s:HOST:LOCAL:REMOTE, such as %s:127.0.0.1:5000:5001", kind, kind)
	}
	var err error
	if c.Local, err = portNumber("local", local); err != nil {
		return c, err
	}
	if c.Remote, err = portNumber("remote", remote); err != nil {
		return c, err
	}
	c.Host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if c.Host == "" {
		return c, fmt.Errorf("no host: want an address, such as 127.0.0.1, or localhost")
	}
	return c, nil
}

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

func portNumber(which, text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s port %q: want a number from 1 to 65535; a wire is one of %s", which, text, allowed())
	}
	return uint16(n), nil
}

func parseRaw(text string) (Config, error) {
	c := Config{Kind: "raw"}
	name, kind, found := strings.Cut(text, ":")
	c.Interface = name
	if found {
		n, err := strconv.ParseUint(kind, 0, 16)
		if err != nil {
			return c, fmt.Errorf("ethertype %q: want a number from 0x0600 to 0xffff, such as 0x88b5", kind)
		}
		c.EtherType = uint16(n)
		if n == 0 {
			return c, fmt.Errorf("ethertype %q: leave it out to take all frames", kind)
		}
	}
	return c, nil
}

// ParsePort reads a wire from the configuration of a port as bind_port takes it:
// either "unix_socket", a struct of "path", "mode" ("server" or "client") and
// "type" ("dgram", the default, or "stream"), or "interface", a text that
// [Parse] reads. Other keys are the caller's.
func ParsePort(port map[string]any) (Config, error) {
	path, hasPath := port["unix_socket"]
	text, hasText := port["interface"]
	// What is there but says nothing is as if it were not.
	hasPath = hasPath && path != nil
	hasText = hasText && text != nil && text != ""
	switch {
	case hasPath && hasText:
		return Config{}, fmt.Errorf("unix_socket and interface: a port is bound to one of them")
	case hasPath:
		fields, ok := path.(map[string]any)
		if !ok {
			return Config{}, fmt.Errorf("unix_socket: want a struct {path, mode}, not a %s", typeName(path))
		}
		return parseUnixSocket(fields)
	case hasText:
		s, ok := text.(string)
		if !ok {
			return Config{}, fmt.Errorf("interface: want a text, not a %s", typeName(text))
		}
		c, err := Parse(s)
		if err != nil {
			return c, fmt.Errorf("interface %w", err)
		}
		return c, nil
	}
	return Config{}, fmt.Errorf("neither unix_socket nor interface: a port is bound to one of them")
}

func parseUnixSocket(fields map[string]any) (Config, error) {
	c := Config{Kind: "unix"}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		s, ok := fields[key].(string)
		if !ok {
			return c, fmt.Errorf("unix_socket: %s: want a text, not a %s", key, typeName(fields[key]))
		}
		switch key {
		case "path":
			c.Path = s
		case "mode":
			c.Mode = s
		case "type":
			switch s {
			case "dgram":
			case "stream":
				c.Kind = "unix-stream"
			default:
				return c, fmt.Errorf("unix_socket: type %q: want dgram or stream", s)
			}
		default:
			return c, fmt.Errorf("unix_socket: no key %q: want path, mode, type", key)
		}
	}
	if err := c.Check(); err != nil {
		return c, fmt.Errorf("unix_socket: %w", err)
	}
	return c, nil
}

// typeName names the type of a value of XML-RPC or JSON in their own words.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "nil"
	case bool:
		return "boolean"
	case string:
		return "text"
	case map[string]any:
		return "struct"
	case []any:
		return "list"
	}
	return "number"
}

// Check says what is wrong with the configuration, nil if nothing is. It looks
// at no file and no interface.
func (c Config) Check() error {
	if err := c.checkUnused(); err != nil {
		return err
	}
	switch c.Kind {
	case "unix", "unix-stream":
		if c.Mode != "server" && c.Mode != "client" {
			return fmt.Errorf("mode %q: want server or client", c.Mode)
		}
		return c.checkPath()
	case "udp", "tcp":
		return c.checkPorts()
	case "raw":
		if c.EtherType != 0 && c.EtherType < 0x600 {
			return fmt.Errorf("ethertype %#04x: want one from 0x0600 to 0xffff; below that it is a length", c.EtherType)
		}
	}
	return checkInterface(c.Interface)
}

// checkUnused refuses fields that the kind has no use for: they were meant for
// something.
func (c Config) checkUnused() error {
	files := c.Kind == "unix" || c.Kind == "unix-stream"
	ports := c.Kind == "udp" || c.Kind == "tcp"
	devices := c.Kind == "interface" || c.Kind == "raw" || c.Kind == "tap"
	switch {
	case !files && !ports && !devices:
		var names []string
		for _, k := range kinds {
			names = append(names, k.kind)
		}
		return fmt.Errorf("kind %q: want one of %s", c.Kind, strings.Join(names, ", "))
	case !files && (c.Path != "" || c.Mode != ""):
		return fmt.Errorf("path and mode: kind %s has none", c.Kind)
	case !ports && (c.Host != "" || c.Local != 0 || c.Remote != 0):
		return fmt.Errorf("host, local and remote: kind %s has none", c.Kind)
	case !devices && c.Interface != "":
		return fmt.Errorf("interface %q: kind %s has none", c.Interface, c.Kind)
	case c.Service != "":
		return fmt.Errorf("service %q: kind %s has none", c.Service, c.Kind)
	case c.Kind != "raw" && c.EtherType != 0:
		return fmt.Errorf("ethertype %#04x: kind %s has none", c.EtherType, c.Kind)
	}
	return nil
}

// PathMax is how long the system lets the path of a UNIX socket be, in bytes.
const PathMax = pathMax

// clientSuffix is behind the path of the server in the name of the client's end
// of a datagram socket: without a name of its own it could not be answered.
const clientSuffix = ".c"

func (c Config) checkPath() error {
	most, why := PathMax, ""
	if c.Kind == "unix" {
		most -= len(clientSuffix)
		why = ", since the client's end is called PATH" + clientSuffix
	}
	switch {
	case c.Path == "":
		return fmt.Errorf("no path")
	case strings.IndexByte(c.Path, 0) >= 0 || c.Path[0] == '@':
		return fmt.Errorf("path %q: want the path of a file: names without one have no owner", c.Path)
	case strings.HasSuffix(c.Path, "/"):
		return fmt.Errorf("path %q: is a folder", c.Path)
	case len(c.Path) > most:
		return fmt.Errorf("path %q: has %d bytes: at most %d%s", c.Path, len(c.Path), most, why)
	}
	return nil
}

func (c Config) checkPorts() error {
	switch {
	case c.Local == 0 || c.Remote == 0:
		return fmt.Errorf("local port %d and remote port %d: both from 1 to 65535", c.Local, c.Remote)
	case c.Local == c.Remote:
		return fmt.Errorf("local and remote port are both %d: the lower is the server's, so they must differ", c.Local)
	}
	_, err := c.addr()
	return err
}

// addr is the host's address: names but localhost are not looked up, since that
// may take long and mean something else tomorrow.
func (c Config) addr() (netip.Addr, error) {
	switch c.Host {
	case "", "localhost":
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	a, err := netip.ParseAddr(c.Host)
	if err != nil {
		return a, fmt.Errorf("host %q: want an address, such as 127.0.0.1 or ::1, or localhost", c.Host)
	}
	if a.IsUnspecified() || a.IsMulticast() {
		return a, fmt.Errorf("host %q: want the address of one host", c.Host)
	}
	return a, nil
}

// checkInterface holds the name to what Linux takes.
func checkInterface(name string) error {
	ok := name != "" && len(name) <= 15 && name != "." && name != ".."
	for i := 0; i < len(name) && ok; i++ {
		ok = name[i] > ' ' && name[i] < 0x7f && name[i] != '/' && name[i] != ':'
	}
	if !ok {
		return fmt.Errorf("interface %q: want a name of 1 to 15 bytes without blank, slash and colon; a wire is one of %s", name, allowed())
	}
	return nil
}

// role is "server" or "client" where the configuration says it.
func (c Config) role() string {
	switch {
	case c.Mode != "":
		return c.Mode
	case c.Local == 0 || c.Remote == 0:
		return ""
	case c.Local < c.Remote:
		return "server"
	}
	return "client"
}

// String is the wire as [Parse] reads it.
func (c Config) String() string {
	switch c.Kind {
	case "unix", "unix-stream":
		return c.Kind + ":" + c.Path + ":" + c.Mode
	case "udp", "tcp":
		host := c.Host
		if host == "" {
			host = "127.0.0.1"
		}
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return fmt.Sprintf("%s:%s:%d:%d", c.Kind, host, c.Local, c.Remote)
	case "interface":
		return c.Interface
	case "raw":
		if c.EtherType != 0 {
			return fmt.Sprintf("raw:%s:%#04x", c.Interface, c.EtherType)
		}
	}
	return c.Kind + ":" + c.Interface
}
