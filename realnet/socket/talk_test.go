//go:build linux || darwin

package socket

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// talker sends numbers and takes them, by stop and wait with one bit: the
// simplest protocol that a lost or doubled frame does not harm, and that shows
// it if frames are harmed in any other way.
type talker struct {
	mu   sync.Mutex
	wire Wire
	told
}

// told is what a talker says about itself.
type told struct {
	Sent      uint32 // numbers that were acknowledged
	Delivered uint32 // numbers that came, each once and in order
	Wrong     string // what must not happen
	Role      string // when it was connected last
	Local     string
	Remote    string
	Status    string
	Problem   string
	Connects  uint64
}

// A frame is its kind, 0 for data and 1 for an acknowledgement, and the number
// of which the receiver looks at the last bit alone to decide.
func talkFrame(kind byte, n uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{kind}, n)
}

func (k *talker) Frame(b []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(b) != 5 || k.wire == nil {
		return
	}
	n := binary.BigEndian.Uint32(b[1:])
	switch {
	case b[0] == 1 && n&1 == k.Sent&1:
		if n != k.Sent {
			k.Wrong = fmt.Sprintf("number %d acknowledged, %d is on the way", n, k.Sent)
		}
		k.Sent++
		k.send()
	case b[0] == 0:
		if n&1 == k.Delivered&1 {
			if n != k.Delivered {
				k.Wrong = fmt.Sprintf("number %d delivered, %d is next", n, k.Delivered)
			}
			k.Delivered++
		}
		_ = k.wire.Send(talkFrame(1, n))
	}
}

func (k *talker) send() { _ = k.wire.Send(talkFrame(0, k.Sent)) }

func (k *talker) Connected() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.wire != nil {
		k.Role, k.Local, k.Remote = k.wire.Role(), k.wire.Local(), k.wire.Remote()
	}
}

func (k *talker) Broken(error) {}

// talk is a talker as a process: each line of its input asks how it goes.
func talk(c Config) error {
	k := &talker{}
	k.mu.Lock()
	w, err := Open(c, k)
	if err != nil {
		k.mu.Unlock()
		return err
	}
	defer w.Close()
	k.wire = w
	k.mu.Unlock()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		t := time.NewTicker(5 * time.Millisecond) // the time-out of the protocol
		defer t.Stop()
		for {
			select {
			case <-stop:
				return
			case <-t.C:
			}
			k.mu.Lock()
			k.send()
			k.mu.Unlock()
		}
	}()
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		k.mu.Lock()
		k.Status, k.Connects, k.Problem = w.Status(), w.Counters().Connects, ""
		if p := w.Problem(); p != nil {
			k.Problem = p.Error()
		}
		if r := w.Role(); k.Status == "connected" {
			k.Role, k.Local, k.Remote = r, w.Local(), w.Remote()
		}
		b, err := json.Marshal(k.told)
		k.mu.Unlock()
		if err != nil {
			return err
		}
		fmt.Println(string(b))
	}
	return nil
}
