package datacenter

import (
	"context"
	"fmt"
	"os"
	"time"
)

// keep looks after one site as long as there is one: it renews the lease of a
// process of ours, asks others whether they are there, and gives each what it has
// missed. Every site has a keeper of its own, so that one that hangs keeps nobody
// waiting.
func (s *site) keep() {
	c := s.c
	pause := c.opt.Lease / 3
	holder := fmt.Sprintf("dsim dc %d", os.Getpid())
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-c.ctx.Done():
			return
		case <-s.kick:
		case <-timer.C:
		}
		if _, dead := s.isDead(); dead {
			return
		}
		next := pause
		if s.owes() {
			if err := s.catchUp(c.ctx); err != nil {
				c.log.Warn("a site lags behind", "cell", s.id, "error", err)
				next = min(pause, 500*time.Millisecond)
			}
		}
		s.look(c.ctx, holder)
		timer.Reset(next)
	}
}

// owes reports whether a batch was decided that the site has not.
func (s *site) owes() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owed != nil
}

// look renews the lease, or asks whether somebody is there.
func (s *site) look(ctx context.Context, holder string) {
	_ = s.ask(func(r *remote) error {
		if s.ours() {
			return r.lease(ctx, holder, s.c.opt.Lease)
		}
		_, err := r.heartbeat(ctx)
		return err
	})
}
