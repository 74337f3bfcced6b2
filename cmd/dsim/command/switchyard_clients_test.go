package command

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// said runs a command of a Switchyard to its end.
func said(t *testing.T, addr string, words ...string) (code int, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "dsim", append(append([]string{"switchyard"}, words...), "--fabric", addr)...).CombinedOutput()
	if e := (*exec.ExitError)(nil); err != nil && !errors.As(err, &e) {
		t.Fatal(err)
	} else if err != nil {
		code = e.ExitCode()
	}
	return code, string(out)
}

// TestSwitchyardClientsEnd holds what clients print and how they end, against
// services that are processes too, and against none.
func TestSwitchyardClientsEnd(t *testing.T) {
	_, addr := fabric(t)
	inTerminal(t, "echo", "--fabric", addr)
	inTerminal(t, "ntp", "--fabric", addr)
	inTerminal(t, "dns", "--table", "www=10.0.0.9", "--table", "ftp=10.0.0.8", "--fabric", addr)
	inTerminal(t, "arp", "--table", "10.0.0.77=02:00:00:00:00:77", "--fabric", addr)
	wants := func(code int, lines []string, words ...string) {
		t.Helper()
		got, text := said(t, addr, words...)
		if got != code {
			t.Errorf("%q: exit code %d, want %d:\n%s", words, got, code, text)
		}
		for _, l := range lines {
			if !strings.Contains(text, l) {
				t.Errorf("%q: no line %q in\n%s", words, l, text)
			}
		}
	}
	wants(0, []string{"[cli] sent 10 bytes: b'marco polo'\n[cli] got reply from 10.0.0.2:7007: b'marco polo'\n"}, "ping")
	wants(0, []string{"bytes from 10.0.0.2: sequence 2,", "[icmp] 2 requests, 2 answered"}, "icmp", "--to-ip", "10.0.0.2", "--requests", "2", "--every", "50ms")
	wants(0, []string{"[ntp] 10.0.0.3: offset "}, "ntp-client")
	wants(0, []string{"[dns] A www: NOERROR, A www 10.0.0.9", "[dns] A ftp: NOERROR, A ftp 10.0.0.8", "[dns] A nobody: NXDOMAIN"}, "dns-client", "--ask", "www,ftp", "--ask", "nobody")
	wants(2, []string{`"--to" flag: it was "a" before: it can be given once`}, "ping", "--to", "a", "--to", "b")
	wants(1, []string{"no such endpoint: nobody", "dsim: no answer"}, "ping", "--endpoint", "second", "--to", "nobody", "--wait", "100ms")
	wants(1, []string{"[cli] no ARP reply from 10.0.0.99", "dsim: no answer"}, "icmp", "--endpoint", "third", "--to-ip", "10.0.0.99", "--tries", "1")
	wants(1, []string{"[cli] no reply in 50ms", "dsim: no answer"}, "ping", "--endpoint", "fourth", "--to", "", "--to-ip", "10.0.0.77", "--timeout", "50ms", "--tries", "2")
	wants(2, []string{"dsim: ping: port 0: from 1 to 65535 are possible"}, "ping", "--port", "0")
	wants(2, []string{`dsim: rule 1: no action "dorp"; did you mean "drop"?`}, "fw", "svc_echo", "dorp proto=udp")
	wants(2, []string{`impairment "dorp=10%"; did you mean "drop"?`}, "impair", "cli1", "svc_echo", "dorp=10%")
	addr = "127.0.0.1:1"
	wants(5, []string{"dsim switchyard serve is one"}, "ping")
}

// TestSwitchyardLooksInside drives the commands that look into a fabric, and
// change what it does.
func TestSwitchyardLooksInside(t *testing.T) {
	_, addr := fabric(t)
	inTerminal(t, "echo", "--fabric", addr)
	if code, text := said(t, addr, "ping"); code != 0 {
		t.Fatal(text)
	}
	file := filepath.Join(t.TempDir(), "frames.pcapng")
	for _, x := range []struct {
		words string
		want  string
	}{
		{"stats", "svc_echo"},
		{"capture --write " + file, ""},
		{"capture", `udp 10.0.0.2:7007 > 10.0.0.1:12345, 10 bytes "marco polo"`},
		{"impair cli1 svc_echo drop=100%", "cli1 -> svc_echo: drop=100%"},
		{"fw svc_echo drop", "svc_echo has 1 rules"},
		{"replay --scale 0", "frames come again"},
		{"stats --json", `"impaired":3`},
	} {
		if code, text := said(t, addr, strings.Fields(x.words)...); code != 0 || !strings.Contains(text, x.want) {
			t.Errorf("%s: exit code %d, want %q in\n%s", x.words, code, x.want, text)
		}
	}
	if code, text := said(t, addr, "ping", "--endpoint", "other", "--tries", "1", "--timeout", "100ms"); code != 1 {
		t.Errorf("the firewall lets it through: %d\n%s", code, text)
	}
}
