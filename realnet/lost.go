package realnet

import (
	"time"

	"example.com/dsim/replay/site"
)

// A stream link is a promise: what is sent arrives, or the connections on the
// link break. A socket that does not take a segment, because nobody is there yet
// or its queue is full, has broken it, and nothing else tells the site: without
// a word, a dial would wait for ever for an answer to what was never sent.

// lostPause keeps a cell that dials again at once from doing nothing else.
const lostPause = time.Millisecond

// lose takes notice of a frame that the socket did not take. On a reliable wire
// the site hears soon, as an input, that the link has broken. The driver's lock
// is held.
func (w *wire) lose() {
	if w.losing || w.config.Kind != "unix-stream" && w.config.Kind != "tcp" {
		return
	}
	w.losing = true
	time.AfterFunc(lostPause, func() {
		w.d.mu.Lock()
		defer w.d.mu.Unlock()
		w.losing = false
		if w.d.over() != nil || !w.live {
			return
		}
		w.in = site.Input{At: w.d.now(), Kind: site.Broken, Link: w.link}
		_, _ = w.d.take(&w.in)
	})
}
