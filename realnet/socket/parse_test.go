package socket

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Config{
		"unix:/run/ab.sock:server":   {Kind: "unix", Path: "/run/ab.sock", Mode: "server"},
		"unix:/run/a:b.sock:client":  {Kind: "unix", Path: "/run/a:b.sock", Mode: "client"},
		"unix-stream:ab.sock:client": {Kind: "unix-stream", Path: "ab.sock", Mode: "client"},
		"127.0.0.1:5000:5001":        {Kind: "udp", Host: "127.0.0.1", Local: 5000, Remote: 5001},
		"localhost:5001:5000":        {Kind: "udp", Host: "localhost", Local: 5001, Remote: 5000},
		"udp:[::1]:5000:5001":        {Kind: "udp", Host: "::1", Local: 5000, Remote: 5001},
		"tcp:fe80::1%en0:1:65535":    {Kind: "tcp", Host: "fe80::1%en0", Local: 1, Remote: 65535},
		"tcp:127.0.0.1:5000:5001":    {Kind: "tcp", Host: "127.0.0.1", Local: 5000, Remote: 5001},
		"eth:en0":                    {Kind: "raw", Interface: "en0"},
		"raw:en0:0x88b5":             {Kind: "raw", Interface: "en0", EtherType: 0x88b5},
		"tap:tap0":                   {Kind: "tap", Interface: "tap0"},
		"en2":                        {Kind: "interface", Interface: "en2"},
		"interface:en2":              {Kind: "interface", Interface: "en2"},
		"unix:" + strings.Repeat("p", 105) + ":server":        {Kind: "unix", Path: strings.Repeat("p", 105), Mode: "server"},
		"unix-stream:" + strings.Repeat("p", 107) + ":server": {Kind: "unix-stream", Path: strings.Repeat("p", 107), Mode: "server"},
	} {
		if PathMax != 107 && len(want.Path) > 100 {
			continue // the bounds of other systems are lower
		}
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		again, err := Parse(got.String())
		if err != nil || again != got {
			t.Errorf("%s: as %s: %+v, %v", text, got, again, err)
		}
		b, err := json.Marshal(got)
		var back Config
		if err != nil || json.Unmarshal(b, &back) != nil || back != got {
			t.Errorf("%s: as JSON %s", text, b)
		}
	}
}

func TestParseSaysWhatIsAllowed(t *testing.T) {
	for text, want := range map[string]string{
		"":                           `interface "": want a name of 1 to 15 bytes`,
		"a name":                     `want a name of 1 to 15 bytes without blank, slash and colon; a wire is one of unix:PATH:server, `,
		"eth0123456789abcdef":        `want a name of 1 to 15 bytes`,
		"unix:/run/ab.sock":          "no mode: want unix:PATH:server or unix:PATH:client",
		"unix:/run/ab.sock:boss":     `mode "boss": want server or client`,
		"unix::server":               "no path",
		"unix:@ab:server":            "want the path of a file",
		"unix:/run/:server":          "is a folder",
		"unix-stream:/a\x00b:client": "want the path of a file",
		"udp:127.0.0.1:5000":         "want udp:HOST:LOCAL:REMOTE",
		"udp:127.0.0.1:0:5000":       `local port "0": want a number from 1 to 65535`,
		"127.0.0.1:5000:65536":       `remote port "65536": want a number from 1 to 65535`,
		"127.0.0.1:5000:5000":        "the lower is the server's, so they must differ",
		"tcp:example.org:1:2":        `host "example.org": want an address, such as 127.0.0.1 or ::1, or localhost`,
		"tcp::1:2":                   "no host",
		"udp:0.0.0.0:1:2":            "want the address of one host",
		"udp:ff02::1:1:2":            "want the address of one host",
		"raw:en0:17":                 "want one from 0x0600 to 0xffff; below that it is a length",
		"raw:en0:88b5":               "such as 0x88b5",
		"raw:en0:0":                  "leave it out to take all frames",
		"tap:":                       "want a name of 1 to 15 bytes",
		"unx:ab":                     "is no wire: want one of unix:PATH:server, unix-stream:PATH:client, 127.0.0.1:5000:5001",
		"unix:" + strings.Repeat("p", 400) + ":server": "has 400 bytes: at most ",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

func TestParsePort(t *testing.T) {
	for _, c := range []struct {
		port map[string]any
		want Config
		err  string
	}{
		{map[string]any{"port_name": "p0", "unix_socket": map[string]any{"path": "/tmp/a", "mode": "server"}, "ber": 0.01}, Config{Kind: "unix", Path: "/tmp/a", Mode: "server"}, ""},
		{map[string]any{"unix_socket": map[string]any{"path": "/tmp/a", "mode": "client", "type": "stream"}}, Config{Kind: "unix-stream", Path: "/tmp/a", Mode: "client"}, ""},
		{map[string]any{"unix_socket": map[string]any{"path": "/tmp/a", "mode": "client", "type": "dgram"}, "interface": nil}, Config{Kind: "unix", Path: "/tmp/a", Mode: "client"}, ""},
		{map[string]any{"interface": "en2"}, Config{Kind: "interface", Interface: "en2"}, ""},
		{map[string]any{"interface": "127.0.0.1:5000:5001", "unix_socket": nil}, Config{Kind: "udp", Host: "127.0.0.1", Local: 5000, Remote: 5001}, ""},
		{map[string]any{"port_name": "p0"}, Config{}, "neither unix_socket nor interface: a port is bound to one of them"},
		{map[string]any{"interface": "en2", "unix_socket": map[string]any{}}, Config{}, "unix_socket and interface: a port is bound to one of them"},
		{map[string]any{"interface": 7}, Config{}, "interface: want a text, not a number"},
		{map[string]any{"interface": "a b"}, Config{}, `interface "a b": `},
		{map[string]any{"unix_socket": "/tmp/a"}, Config{}, "unix_socket: want a struct {path, mode}, not a text"},
		{map[string]any{"unix_socket": map[string]any{"path": "/tmp/a"}}, Config{}, `unix_socket: mode "": want server or client`},
		{map[string]any{"unix_socket": map[string]any{"path": "/tmp/a", "mode": true}}, Config{}, "unix_socket: mode: want a text, not a boolean"},
		{map[string]any{"unix_socket": map[string]any{"path": "/tmp/a", "mode": "server", "type": "seq"}}, Config{}, `unix_socket: type "seq": want dgram or stream`},
		{map[string]any{"unix_socket": map[string]any{"path": "/tmp/a", "mode": "server", "user": "x"}}, Config{}, `unix_socket: no key "user": want path, mode, type`},
	} {
		got, err := ParsePort(c.port)
		if c.err == "" && (err != nil || got != c.want) || c.err != "" && (err == nil || !strings.HasPrefix(err.Error(), c.err)) {
			t.Errorf("%v: %+v, %v; want %+v %s", c.port, got, err, c.want, c.err)
		}
	}
}

func TestCheckRefusesWhatHasNoUse(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{}, `kind "": want one of unix, unix-stream, udp, tcp, interface, raw, tap`},
		{Config{Kind: "raw", Interface: "en0", Path: "/tmp/x"}, "path and mode: kind raw has none"},
		{Config{Kind: "unix", Path: "/tmp/x", Mode: "server", Local: 7}, "host, local and remote: kind unix has none"},
		{Config{Kind: "udp", Local: 1, Remote: 2, Interface: "en0"}, `interface "en0": kind udp has none`},
		{Config{Kind: "tcp", Local: 1, Remote: 2, Service: "svc"}, `service "svc": kind tcp has none`},
		{Config{Kind: "tap", Interface: "t", EtherType: 0x800}, "ethertype 0x0800: kind tap has none"},
	} {
		if err := c.config.Check(); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v", c.config, err)
		}
		if _, err := Open(c.config, nil); err == nil {
			t.Errorf("%+v: opened", c.config)
		}
	}
}

// FuzzParse: what is accepted can be written and read again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"unix:/run/ab.sock:server", "127.0.0.1:5000:5001", "tcp:[::1]:1:2", "raw:en0:0x88b5", "tap:t", "en0", "udp:fe80::1%a]:1:2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(c.String())
		if err != nil || again != c {
			t.Fatalf("%+v is written %q, which reads %+v, %v", c, c, again, err)
		}
	})
}
