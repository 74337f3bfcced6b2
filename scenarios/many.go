package scenarios

import (
	"context"
	"runtime"
)

// Many calls work for 0..n-1, jobs at a time, each in one of as many
// goroutines, and take with the results in order, until take says false or ctx
// ends; then it waits for what was begun. At most a few results wait. It is how worlds that have nothing to do
// with each other run side by side: work builds a world, runs it and gives what
// is worth knowing.
func Many[T any](ctx context.Context, jobs int, n uint64, work func(uint64) T, take func(uint64, T) bool) {
	type slot struct {
		i uint64
		c chan T
	}
	// Small worlds leave a heap so small that the collector would run all the
	// time, and its roots cost more than what it finds. It counts this as in use
	// and comes that much later; as nobody touches it, it takes no memory.
	ballast := make([]byte, manyBallast)
	defer runtime.KeepAlive(ballast)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan slot, jobs)
	todo := make(chan slot)
	for range jobs {
		go func() {
			for s := range todo {
				s.c <- work(s.i)
			}
		}()
	}
	go func() {
		defer close(queue)
		defer close(todo)
		for i := range n {
			s := slot{i, make(chan T, 1)}
			select {
			case queue <- s:
				todo <- s
			case <-ctx.Done():
				return
			}
		}
	}()
	on := true
	for s := range queue {
		r := <-s.c
		if on {
			if on = take(s.i, r); !on {
				cancel()
			}
		}
	}
}

// manyBallast is how much later the collector comes while Many runs.
const manyBallast = 32 << 20
