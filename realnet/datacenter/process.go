package datacenter

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// process is a cell's process that we have started.
type process struct {
	identity
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and been waited for
	err  error         // how it ended; valid once done is closed
}

// ended reports whether the process has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// why says how the process ended.
func (p *process) why() string {
	if p.err == nil {
		return "it has ended by itself"
	}
	return p.err.Error()
}

// signal asks the process and its group to end, or ends them. Until it has been
// waited for, its number is nobody else's.
func (p *process) signal(kill bool) {
	if !p.ended() {
		p.identity.signal(kill)
	}
}

// starter starts processes, one after the other, on a thread of its own that
// lives until stop: when that thread ends, the system tells the processes.
type starter struct {
	jobs chan func()
	once sync.Once
}

func newStarter() *starter {
	s := &starter{jobs: make(chan func())}
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		for job := range s.jobs {
			job()
		}
	}()
	return s
}

func (s *starter) stop() { s.once.Do(func() { close(s.jobs) }) }

// start starts a program. What it writes to standard error, and out, goes to log.
func (s *starter) start(argv, env []string, log *logFile) (*process, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = attributes()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = w, w
	result := make(chan error)
	s.jobs <- func() { result <- cmd.Start() }
	if err := <-result; err != nil {
		_ = r.Close()
		_ = w.Close()
		return nil, err
	}
	_ = w.Close() // the child has it
	p := &process{cmd: cmd, done: make(chan struct{})}
	if p.identity, err = identify(cmd.Process.Pid); err != nil {
		// It is gone already: the waiter will say why.
		p.identity = identity{PID: cmd.Process.Pid}
	}
	copied := make(chan struct{})
	go func() {
		_, _ = io.Copy(log, r)
		_ = r.Close()
		close(copied)
	}()
	go func() {
		p.err = exitText(cmd.Wait())
		// Not until the pipe ends: what the process has started may hold it.
		close(p.done)
		<-copied
		_ = log.Close()
	}()
	return p, nil
}

// exitText says how a process ended, in words.
func exitText(err error) error {
	exit, ok := err.(*exec.ExitError) //nolint:errorlint // Wait gives it as it is
	if !ok {
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() { //nolint:misspell // the name is the library's
		return fmt.Errorf("killed by signal %d (%s)", int(status.Signal()), status.Signal())
	}
	return fmt.Errorf("exit code %d", exit.ExitCode())
}

// logFile keeps the end of what is written to it: at most logMax bytes in its
// file, and as many as that in the one before.
type logFile struct {
	mu   sync.Mutex
	path string
	f    *os.File
	size int
}

const logMax = 256 << 10

func newLogFile(path string) (*logFile, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &logFile{path: path, f: f}, nil
}

// Write never fails, so that the process that is read from never blocks.
func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size+len(b) > logMax && l.size > 0 && l.f != nil {
		if f, err := os.OpenFile(l.path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err == nil {
			_ = l.f.Close()
			_ = os.Rename(l.path, l.path+".1")
			_ = os.Rename(l.path+".new", l.path)
			l.f, l.size = f, 0
		}
	}
	if l.f != nil {
		_, _ = l.f.Write(b)
		l.size += len(b)
	}
	return len(b), nil
}

// Close closes the file. What is written after that goes nowhere.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	err := l.f.Close()
	l.f = nil
	return err
}

// tail gives the last n lines that were written.
func (l *logFile) tail(n int) []string {
	var lines []string
	for _, path := range []string{l.path + ".1", l.path} {
		b, err := os.ReadFile(path)
		if err == nil && len(b) > 0 {
			lines = append(lines, strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")...)
		}
	}
	return lines[max(len(lines)-n, 0):]
}
