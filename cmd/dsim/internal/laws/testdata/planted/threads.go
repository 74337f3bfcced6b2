package planted

import "sync"

var free sync.Pool // want `uses sync.Pool`

func threads() {
	c := make(chan int) // want `has a channel`
	go func() {         // want `starts a goroutine`
		c <- 1
	}()
	select { // want `selects`
	case <-c:
	default:
	}
	var wg sync.WaitGroup // want `uses sync.WaitGroup`
	wg.Go(func() {})      // want `uses sync.WaitGroup.Go`
	var m sync.Map
	m.Range(func(any, any) bool { return true }) // want `uses sync.Map.Range`
	var mu sync.Mutex
	mu.Lock() // a lock alone decides nothing
	mu.Unlock()
}
