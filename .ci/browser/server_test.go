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

// server is a process that prints where it serves and ends with its standard
// input.
type server struct {
	t      *testing.T
	path   string
	args   []string
	origin string
	in     io.Closer
	cmd    *exec.Cmd
}

// startStage starts a datacenter that is not there; see its package.
func startStage(t *testing.T, args ...string) *server {
	t.Helper()
	findChromium(t) // nobody looks without one
	s := &server{t: t, path: program(t, "./realnet/page/internal/stage"), args: args}
	s.start()
	t.Cleanup(s.stop)
	return s
}

// start starts the server, at the address that it had if it had one.
func (s *server) start() {
	s.t.Helper()
	args := slices.Clone(s.args)
	if s.origin != "" {
		args = append(args, "-listen", strings.TrimPrefix(s.origin, "http://"))
	}
	s.cmd = exec.Command(s.path, args...)
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	in, err := s.cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.in = in
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.stop()
		s.t.Fatalf("%s says nothing: %v", s.path, err)
	}
	s.origin = strings.TrimSpace(line)
}

// stop ends the server, and waits for its end.
func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.in.Close()
	late := time.AfterFunc(within, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("%s: %v", s.path, err)
	}
	s.cmd = nil
}
