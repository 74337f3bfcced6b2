package browser

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// repository is the root of the module whose pages are looked at.
const repository = "../.."

var (
	built = make(map[string]string) // programs, by package
	bin   string                    // the folder they are in
	once  sync.Mutex
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "browser")
	if err != nil {
		panic(err)
	}
	bin = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// program builds a command of the repository, once.
func program(t *testing.T, pkg string) string {
	t.Helper()
	once.Lock()
	defer once.Unlock()
	if path, ok := built[pkg]; ok {
		return path
	}
	path := filepath.Join(bin, filepath.Base(pkg))
	c := exec.CommandContext(t.Context(), "go", "build", "-o", path, pkg)
	c.Dir = repository
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	built[pkg] = path
	return path
}

// server is a process that says where it serves.
type server struct {
	t      *testing.T
	path   string
	args   []string
	listen string // the flag with its address
	origin string
	in     io.Closer
	cmd    *exec.Cmd
}

// startStage starts a datacenter that is not there; see its package.
func startStage(t *testing.T, args ...string) *server {
	t.Helper()
	findChromium(t) // nobody looks without one
	return startServer(&server{t: t, path: program(t, "./realnet/page/internal/stage"), args: args, listen: "-listen"})
}

// startDatacenter starts a real one with the cells of a scenario.
func startDatacenter(t *testing.T, scenario string, more ...string) *server {
	t.Helper()
	findChromium(t)
	dir, err := os.MkdirTemp("", "d") // short: paths of sockets are
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := program(t, "./cmd/dsim")
	return startServer(&server{t: t, path: path, args: append([]string{"dc", "serve", filepath.Join(repository, scenario), "--run", dir}, more...), listen: "--http"})
}

func startServer(s *server) *server {
	s.start()
	s.t.Cleanup(s.stop)
	return s
}

// start starts the server, at the address that it had if it had one.
func (s *server) start() {
	s.t.Helper()
	at := "127.0.0.1:0"
	if s.origin != "" {
		at = strings.TrimPrefix(s.origin, "http://")
	}
	s.cmd = exec.Command(s.path, append(slices.Clone(s.args), s.listen, at)...)
	out, err := s.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	said := ""
	for lines.Scan() {
		said += lines.Text() + "\n"
		if _, at, ok := strings.Cut(lines.Text(), "serving http://"); ok {
			s.origin = "http://" + strings.TrimSpace(at)
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return
		}
	}
	s.stop()
	s.t.Fatalf("%s does not say where it serves: %s", s.path, said)
}

// stop asks the server to end, and waits for its end.
func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.in.Close()
	_ = s.cmd.Process.Signal(os.Interrupt)
	late := time.AfterFunc(within, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	_ = s.cmd.Wait() // how an interrupted process ends is its own affair
	if !late.Stop() {
		s.t.Errorf("%s did not end when it was asked to", s.path)
	}
	s.cmd = nil
}
