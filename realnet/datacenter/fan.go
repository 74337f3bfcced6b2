package datacenter

import (
	"runtime"
	"sync"
)

// How many sites are worked on side by side: calls wait, starting a process
// takes the machine.
var (
	callsMax  = 32
	startsMax = 2 + 2*runtime.GOMAXPROCS(0)
)

// each does something for all items, at most so many at a time, and gives the
// errors in the order of the items. Once one has failed, no more are begun.
func each[T any](items []T, most int, do func(T) error) []error {
	errs := make([]error, len(items))
	if len(items) == 0 {
		return errs
	}
	var mu sync.Mutex
	next, failed := 0, false
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		if failed || next == len(items) {
			return -1
		}
		next++
		return next - 1
	}
	var all sync.WaitGroup
	for range min(max(most, 1), len(items)) {
		all.Go(func() {
			for i := take(); i >= 0; i = take() {
				if errs[i] = do(items[i]); errs[i] != nil {
					mu.Lock()
					failed = true
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return errs
}

// first is the first error of a list.
func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
