package replay

import "sync"

// line does jobs one after the other in the order in which they are put,
// beside whoever puts them. It has a goroutine only while there is something to
// do, so one that is forgotten leaves nothing behind. Who is too fast waits, so
// what lies in it is bounded.
type line[T any] struct {
	do   func(T)
	most int // jobs that may wait

	mu   sync.Mutex
	cond sync.Cond
	jobs []T
	busy bool
}

func newLine[T any](most int, do func(T)) *line[T] {
	l := &line[T]{do: do, most: most}
	l.cond.L = &l.mu
	return l
}

// put adds a job.
func (l *line[T]) put(x T) {
	l.mu.Lock()
	for len(l.jobs) >= l.most {
		l.cond.Wait()
	}
	l.jobs = append(l.jobs, x)
	if !l.busy {
		l.busy = true
		go l.run()
	}
	l.mu.Unlock()
}

// wait returns when all that was put is done.
func (l *line[T]) wait() {
	l.mu.Lock()
	for l.busy {
		l.cond.Wait()
	}
	l.mu.Unlock()
}

func (l *line[T]) run() {
	for {
		l.mu.Lock()
		l.cond.Broadcast()
		if len(l.jobs) == 0 {
			l.busy = false
			l.mu.Unlock()
			return
		}
		x := l.jobs[0]
		n := copy(l.jobs, l.jobs[1:])
		clear(l.jobs[n:])
		l.jobs = l.jobs[:n]
		l.mu.Unlock()
		l.do(x)
	}
}

// stock keeps what jobs have been done with, to be used again.
type stock[T any] struct {
	mu   sync.Mutex
	kept []T
}

func (s *stock[T]) take() (x T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.kept); n > 0 {
		x = s.kept[n-1]
		s.kept = s.kept[:n-1]
	}
	return x
}

func (s *stock[T]) give(x T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, x)
}
