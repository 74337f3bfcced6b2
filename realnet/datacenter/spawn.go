package datacenter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/socket"
)

// spawn starts the site's process and waits until it answers.
func (s *site) spawn(ctx context.Context) error {
	c := s.c
	c.mu.Lock()
	c.numbers++
	s.file = c.numbers
	c.mu.Unlock()
	base := "c" + strconv.Itoa(s.file)
	log, err := newLogFile(c.run.path(base + ".log"))
	if err != nil {
		return err
	}
	s.log = log
	proc, err := c.starter.start(c.argv(s), c.opt.Env, log)
	if err != nil {
		return errors.Join(fmt.Errorf("cannot be started: %w", err), log.Close())
	}
	s.proc = proc
	if err := c.run.write(base+".json", child{proc.identity, string(s.id)}); err != nil {
		return err
	}
	go func() {
		<-proc.done
		s.died(proc.why())
	}()
	if s.rpc, err = dial(s.url(), c.opt.CallMax); err != nil {
		return err
	}
	return s.await(ctx)
}

// argv is how a cell's process is called.
func (c *Controller) argv(s *site) []string {
	argv := append(slices.Clone(c.opt.Program),
		"--name", string(s.id), "--rpc", s.url(), "--seed", c.opt.Seed.String(),
		"--start", strconv.FormatInt(c.opt.Start.UnixNano(), 10),
		"--lease", c.opt.Lease.String(), "--life", strconv.FormatUint(uint64(s.life), 10))
	if c.opt.Record != "" {
		argv = append(argv, "--record", c.opt.Record)
	}
	return argv
}

// await waits until the process answers. It looks for the socket first, often at
// first and then less: a process takes some milliseconds to come up, on a machine
// that starts a thousand of them some seconds.
func (s *site) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.c.opt.StartMax)
	defer cancel()
	path := s.c.run.path(fmt.Sprintf("c%d.rpc", s.file))
	for pause := 2 * time.Millisecond; ; pause = min(pause*3/2, 100*time.Millisecond) {
		if _, err := os.Lstat(path); err == nil {
			if _, err := s.rpc.heartbeat(ctx); err == nil {
				return nil
			}
		}
		select {
		case <-s.proc.done:
			last := ""
			for _, l := range s.log.tail(1) {
				last = ": " + l
			}
			return fmt.Errorf("its process has ended at once: %s%s", s.proc.why(), last)
		case <-ctx.Done():
			return fmt.Errorf("its process has not answered within %v", s.c.opt.StartMax)
		case <-time.After(pause):
		}
	}
}

// adopt takes over a process that runs already.
func (s *site) adopt(ctx context.Context) error {
	r, err := dial(s.place.URL, s.c.opt.CallMax)
	if err != nil {
		return err
	}
	s.rpc = r
	known, err := r.methods(ctx)
	if err != nil {
		return fmt.Errorf("does not answer: %w", err)
	}
	if s.plain = !slices.Contains(known, "prepare"); s.plain {
		if _, err := r.heartbeat(ctx); err != nil {
			return fmt.Errorf("does not answer: %w", err)
		}
		return nil
	}
	snap, err := r.snapshot(ctx)
	if err != nil {
		return fmt.Errorf("does not answer: %w", err)
	}
	s.tried = snap.Version
	switch {
	case len(snap.Cells) == 1:
		s.alias, s.has = snap.Cells[0].ID, true
	case slices.ContainsFunc(snap.Cells, func(c cells.CellStatus) bool { return c.ID == s.id }):
		s.has = true
	case len(snap.Cells) > 0:
		return fmt.Errorf("the process at %s has %d cells, and none of that name", r.client, len(snap.Cells))
	case s.spec.Protocol == "":
		return fmt.Errorf("the process at %s has no cell, and no protocol was named", r.client)
	}
	return nil
}

// close ends the site: the process we started is asked to end, and ended if it
// does not; one that we took over is told to shut down if shutdown is set.
func (s *site) close(shutdown bool) {
	s.mu.Lock()
	already := s.stopping
	s.stopping = true
	s.mu.Unlock()
	if already {
		return
	}
	close(s.quit)
	switch {
	case s.proc != nil:
		s.proc.stop(s.c.opt.StopMax)
		s.c.forget(s.file)
	case s.rpc != nil && shutdown:
		if err := s.rpc.shutdown(context.Background()); err != nil {
			s.c.line("Warning: failed to shutdown %s: %v", s.id, err)
		}
	}
	if s.rpc != nil {
		s.rpc.close()
	}
}

// stop asks a process to end, and ends it if it has not within a bound.
func (p *process) stop(bound time.Duration) {
	p.signal(false)
	select {
	case <-p.done:
	case <-time.After(bound):
		p.signal(true)
		select {
		case <-p.done:
		case <-time.After(bound): // the system itself holds it back
		}
	}
}

// forget removes the files of a process that has ended.
func (c *Controller) forget(number int) {
	base := c.run.path("c" + strconv.Itoa(number))
	for _, end := range []string{".rpc", ".log", ".log.1", ".json"} { // the mark last
		if err := ignoreMissing(os.Remove(base + end)); err != nil {
			c.log.Warn("a file stays behind", "error", err)
		}
	}
}

// forgetWire removes the socket of a link's end whose process is dead, or that is
// gone: who had it has removed it, unless it was killed.
func (c *Controller) forgetWire(w socket.Config) {
	if w.Path == "" || !c.isOurs(w.Path) {
		return
	}
	end := ""
	if w.Mode == "client" {
		end = ".c" // which it binds so that it can be answered
	}
	_ = os.Remove(w.Path + end)
}
