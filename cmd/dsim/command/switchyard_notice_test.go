package command

import (
	"bytes"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// noticed starts dsim switchyard, what it says on the side included.
func noticed(t *testing.T, words ...string) *terminal {
	t.Helper()
	x := &terminal{t: t}
	x.Cmd = exec.CommandContext(t.Context(), "dsim", append([]string{"switchyard"}, words...)...)
	x.Stdout, x.Stderr = x, x
	x.begin()
	return x
}

// Who waits is told for what: a service that is not there yet, a fabric that is
// gone. When it is back, all goes on.
func TestSwitchyardSaysWhatItWaitsFor(t *testing.T) {
	daemon, addr := fabric(t)
	sniffer := noticed(t, "sniff", "--fabric", addr)
	ping := noticed(t, "ping", "--fabric", addr, "--messages", "1000", "--every", "20ms", "--tries", "0")
	ping.await("nobody has the name that is looked up", 1)
	echo := noticed(t, "echo", "--fabric", addr)
	ping.await("got reply", 2)
	daemon.interrupt()
	ping.await("the fabric is gone; it is dialled again", 1)
	echo.await("the fabric is gone", 1)
	sniffer.await("the fabric is gone: ", 1)
	again := inTerminal(t, "serve", "--listen", addr)
	for _, x := range []*terminal{ping, echo, sniffer} {
		x.await("the fabric is back", 1)
	}
	n := strings.Count(ping.printed(), "got reply")
	ping.await("got reply", n+2)
	echo.interrupt()
	sniffer.interrupt()
	again.interrupt()
}

// Who only asks a fabric leaves nothing there, and shows the numbers by which
// frames are replayed.
func TestSwitchyardToolsLeaveNothing(t *testing.T) {
	_, addr := fabric(t)
	inTerminal(t, "echo", "--fabric", addr)
	if code, text := said(t, addr, "ping"); code != 0 {
		t.Fatal(text)
	}
	for _, x := range []struct {
		words string
		want  string
	}{
		{"stats", "endpoints "},
		{"capture --from 0", "     1 "},
		{"capture --json --from 2", `{"number":2,"time":"1970-01-01T00:00:0`},
		{"capture --json", `"endpoint_id":1,"line":"`},
		{"replay --from 1 --to 1", "1 frames come again"},
		{"impair cli1 svc_echo drop=1%", "drop=1%"},
		{"stats", "\nimpaired\ncli1 svc_echo drop=1%\n"},
		{"fw svc_echo accept", "1 rules"},
		{"stats --json", `"endpoints":2,`},
	} {
		if code, text := said(t, addr, strings.Fields(x.words)...); code != 0 || !strings.Contains(text, x.want) {
			t.Errorf("%s: exit code %d, want %q in\n%s", x.words, code, x.want, text)
		}
	}
}

// TestSwitchyardMistakes holds how mistakes of people are told from those of
// their machine.
func TestSwitchyardMistakes(t *testing.T) {
	_, addr := fabric(t)
	for _, x := range []struct {
		words string
		code  int
		want  string
	}{
		{"serve --listen 127.0.0.1:0 --limit 1", 2, "limit 1: at least 30 bytes are needed"},
		{"serve --listen " + addr, 5, "address already in use"},
		{"serve --listen :0", 2, "--allow-remote"},
		{"bridge --left " + addr + " --right " + addr, 2, "is on both sides"},
		{"bridge --left " + addr + " --right 127.0.0.1:1", 5, "dsim switchyard serve is one"},
		{"echo --port 0 --fabric " + addr, 2, "port 0: from 1 to 65535 are possible"},
	} {
		var out, problems bytes.Buffer
		code := Run(append([]string{"switchyard"}, strings.Fields(x.words)...), &out, &problems)
		if code != x.code || !strings.Contains(problems.String(), x.want) {
			t.Errorf("%s: exit code %d, want %d and %q in\n%s", x.words, code, x.code, x.want, &problems)
		}
	}
}

// Without a host a fabric that may be reached from elsewhere can be.
func TestSwitchyardListensEverywhere(t *testing.T) {
	x := inTerminal(t, "serve", "--listen", ":0", "--allow-remote")
	line := x.await("switchyardd: listening on ", 1)
	host, _, err := net.SplitHostPort(line[strings.LastIndex(line, " ")+1:])
	if ip := net.ParseIP(host); err != nil || !ip.IsUnspecified() {
		t.Errorf("%s: %v", line, err)
	}
	x.interrupt()
}

// Two fabrics and a bridge, as the handbook says: who is on one talks to who is on
// the other.
func TestSwitchyardBridge(t *testing.T) {
	_, left := fabric(t)
	x := inTerminal(t, "serve", "--listen", "127.0.0.1:0", "--first-mac", "65537")
	const says = "switchyardd: listening on "
	right := strings.TrimPrefix(x.await(says, 1), says)
	bridge := inTerminal(t, "bridge", "--left", left, "--right", right)
	inTerminal(t, "echo", "--fabric", right)
	awaitEndpoint(t, left, "bridge")
	awaitEndpoint(t, right, "bridge")
	awaitEndpoint(t, right, "svc_echo")
	if code, text := said(t, left, "ping", "--to", ""); code != 0 || text != demoPrints {
		t.Errorf("exit code %d, printed\n%s", code, text)
	}
	bridge.interrupt()
}
