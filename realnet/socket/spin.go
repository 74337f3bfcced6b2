//go:build linux || darwin

package socket

import (
	"runtime"
	"syscall"
	"time"

	"example.com/dsim/clock"
	"golang.org/x/sys/unix"
)

// What the spinner may spend. To sleep and be woken costs about as much as the
// attempts of one spin, on the machines this was measured on; see BenchmarkTwoProcesses.
const (
	spinReads  = 80                    // attempts of one spin
	spinTime   = 60 * time.Microsecond // what took longer was somebody else's turn
	trustMax   = 16                    // what a row of successes can save up
	trustLoss  = 2                     // what a spin in vain costs of it
	spinSeldom = 64                    // without trust, one wait in so many is tried
)

// spinner reads from a socket, and where that has paid lately, it tries for a few
// microseconds more before it lets the goroutine sleep: in a conversation the
// answer is on its way already. Where it does not pay, because frames are rare
// or the processors are busy with others, it stops trying.
type spinner struct {
	trust int
	waits int
	off   bool // one processor: whoever is to answer could not run meanwhile
}

func newSpinner() spinner {
	return spinner{trust: trustMax / 2, off: runtime.NumCPU() == 1 || runtime.GOMAXPROCS(0) == 1}
}

// read is one read, or as many as pay. It never sleeps.
func (s *spinner) read(fd int, b []byte) (int, syscall.Errno) {
	n, no := readOnce(fd, b)
	if no != unix.EAGAIN || s.off {
		return n, no
	}
	if s.trust <= 0 {
		if s.waits++; s.waits%spinSeldom != 0 {
			return n, no
		}
	}
	began := clock.Wall()
	for range spinReads {
		if n, no = readOnce(fd, b); no != unix.EAGAIN {
			break
		}
	}
	if no != unix.EAGAIN && clock.Wall().Sub(began) < spinTime {
		s.trust = min(s.trust+1, trustMax)
	} else {
		s.trust = max(s.trust-trustLoss, 0)
	}
	return n, no
}

func readOnce(fd int, b []byte) (int, syscall.Errno) {
	n, err := unix.Read(fd, b)
	return n, number(err)
}
