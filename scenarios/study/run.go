package study

import (
	"context"
	"sync"
)

// done is a run that is over.
type done struct {
	i   int
	r   *result
	err error
}

// Run makes the runs that are not in the state yet, and gives the table of all.
// When ctx ends it gives the table of those that are done, and ctx's error.
func (s *Study) Run(ctx context.Context) (*Table, error) {
	results := make([]*result, s.Runs())
	kept, err := s.open()
	if err != nil {
		return nil, err
	}
	defer kept.close()
	var todo []int
	for i := range results {
		if results[i] = kept.find(s.name(i/s.repeat), s.seed(i)); results[i] == nil {
			todo = append(todo, i)
		}
	}
	ready := len(results) - len(todo)
	s.progress(ready)
	err = s.work(ctx, todo, func(d done) error {
		if err := kept.add(d.r); err != nil {
			return err
		}
		results[d.i] = d.r
		ready++
		s.progress(ready)
		return nil
	})
	if err == nil {
		err = ctx.Err()
	}
	return s.table(results), err
}

func (s *Study) seed(i int) uint64 { return s.opt.First + uint64(i%s.repeat) }

func (s *Study) progress(n int) {
	if s.opt.Progress != nil {
		s.opt.Progress(n, s.Runs())
	}
}

// work makes runs, some side by side, and gives take each that is over, one at
// a time. Of errors the one of the earliest run is told.
func (s *Study) work(ctx context.Context, todo []int, take func(done) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next, over := make(chan int), make(chan done)
	var workers sync.WaitGroup
	for range s.opt.Jobs {
		workers.Go(func() {
			for i := range next {
				r, err := s.run(ctx, i/s.repeat, s.seed(i))
				over <- done{i, r, err}
			}
		})
	}
	go func() {
		defer close(next)
		for _, i := range todo {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		workers.Wait()
		close(over)
	}()
	var failed error
	first := 0 // the run that failed
	for d := range over {
		if d.err == nil && d.r != nil {
			d.err = take(d)
		}
		if d.err != nil && (failed == nil || d.i < first) {
			failed, first = d.err, d.i
			cancel()
		}
	}
	return failed
}
