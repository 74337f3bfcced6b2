package planted

// planted in des/parallel

import (
	"runtime"
	"sync"
	"time"
)

func partitions() {
	var wg sync.WaitGroup
	done := make(chan int, runtime.GOMAXPROCS(0))
	wg.Go(func() { done <- 1 })
	go func() {}()
	select {
	case <-done:
	case <-time.After(1): // want `uses time.After`
	}
}
