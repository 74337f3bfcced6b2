package guard

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// How long a server that ends waits: for answers under way, and for those that
// follow a stream once they were told to end.
const (
	answerWait = 500 * time.Millisecond
	streamWait = time.Second
)

// Serve serves h, guarded as opt says, until ctx is over or the listener fails.
// Answers under way are given a moment to leave. The listener is closed.
func Serve(ctx context.Context, l net.Listener, h http.Handler, opt Options) error {
	opt = opt.orDefault()
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	s := &http.Server{
		Handler:           Handler(h, opt),
		ReadHeaderTimeout: headerWait,
		IdleTimeout:       idleWait,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          log.New(complaints{opt.Log}, "", 0),
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		s.Close() //nolint:errcheck // why it ended is what counts
		return fmt.Errorf("server %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	err := shutdown(s, answerWait)
	if errors.Is(err, context.DeadlineExceeded) {
		cancel() // of streams
		if err = shutdown(s, streamWait); err != nil {
			err = s.Close()
		}
	}
	if why := <-failed; !errors.Is(why, http.ErrServerClosed) {
		err = errors.Join(err, why)
	}
	return err
}

func shutdown(s *http.Server, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	return s.Shutdown(ctx)
}

// complaints takes what net/http writes to its log.
type complaints struct{ to *slog.Logger }

func (c complaints) Write(b []byte) (int, error) {
	c.to.Debug("http", "complaint", strings.TrimSpace(string(b)))
	return len(b), nil
}

// Signals gives a context that is over when the process is told to end: by an
// interrupt, or by the loss of its terminal, or by SIGTERM. A pipe that nobody reads
// any more is no reason to end: what was written is lost, and the process can take
// its files away.
func Signals(ctx context.Context) (context.Context, context.CancelFunc) {
	signal.Ignore(syscall.SIGPIPE)
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
}
