package replay

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestALineKeepsTheOrderAndIsBounded(t *testing.T) {
	var got []int
	hold := make(chan bool)
	l := newLine(2, func(i int) {
		<-hold
		got = append(got, i)
	})
	go func() {
		for range 1000 {
			hold <- true
		}
	}()
	for i := range 1000 {
		l.put(i)
		l.mu.Lock()
		if len(l.jobs) > 2 {
			t.Errorf("%d jobs wait, want at most 2", len(l.jobs))
		}
		l.mu.Unlock()
	}
	l.wait()
	if len(got) != 1000 || !slices.IsSorted(got) {
		t.Errorf("%d jobs done, sorted %v", len(got), slices.IsSorted(got))
	}
}

// failing takes so many bytes.
type failing struct{ left int }

var errFull = errors.New("disk full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestAWriterThatCannotWriteSaysSo(t *testing.T) {
	w, err := NewWriter(&failing{left: 20_000}, testHeader(Events))
	if err != nil {
		t.Fatal(err)
	}
	recs, _ := collect(1000)
	random := rand.New(rand.NewPCG(1, 2))
	n := 0
	for ; w.Err() == nil && n < 1_000_000; n++ {
		r := recs[n%len(recs)]
		r.Text = fmt.Sprint(random.Uint64()) // compresses badly
		w.Record(&r)
	}
	if !errors.Is(w.Err(), errFull) || !strings.Contains(w.Err().Error(), "block") {
		t.Errorf("after %d records: %v, want that the disk is full", n, w.Err())
	}
	if err := w.Close(Summary{}); !errors.Is(err, errFull) {
		t.Errorf("close: %v", err)
	}
}

// TestWaitingDoesNotChangeTheBytes holds that how batches and blocks fall together
// in time does not show: who flushes nothing has the same file as who waits for
// every record to be encoded.
func TestWaitingDoesNotChangeTheBytes(t *testing.T) {
	recs, chos := collect(1000)
	write := func(settle int) []byte {
		var b bytes.Buffer
		w, err := NewWriter(&b, testHeader(Events))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20_000 {
			w.Record(&recs[i%len(recs)])
			if i%7 == 0 {
				w.Choose(&chos[i%len(chos)])
			}
			if settle > 0 && i%settle == 0 {
				w.settle()
			}
		}
		if err := w.Close(Summary{Verdict: "ok"}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	want := write(0)
	for _, n := range []int{1, 100, 3000} {
		if !bytes.Equal(write(n), want) {
			t.Errorf("settled every %d records, the bytes differ", n)
		}
	}
}

func TestDictionaryNumbersWhatItHasOnce(t *testing.T) {
	var d dictionary
	for round := range 3 {
		d.reset()
		for i := range 3000 {
			s := strings.Repeat("x", i%100) + fmt.Sprint(i/2)
			n, fresh := d.text(s)
			want := uint32(len(d.words))
			if fresh && n != want {
				t.Fatalf("round %d: %q has number %d, want %d", round, s, n, want)
			}
			if again, fresh := d.text(s); fresh || again != n {
				t.Fatalf("round %d: %q has number %d, then %d", round, s, n, again)
			}
		}
	}
	d.reset()
	block := []byte("....")
	for i := range 3000 {
		p := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, i%20)
		n, fresh := d.bytes(p, block)
		if fresh {
			d.placed(len(block), len(block)+len(p))
			block = append(block, p...)
		}
		if again, fresh := d.bytes(p, block); fresh || again != n {
			t.Fatalf("payload %d: %d, then %d, new %v", i, n, again, fresh)
		}
	}
}
