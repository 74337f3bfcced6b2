package nd

// Handler is told what a Watcher finds, by its own goroutine, one call at a time.
type Handler interface {
	// Found gives the neighbour; the addresses have the interface as their zone. An
	// error says that it cannot be used; then the search goes on.
	Found(Peer) error
	// Lost says that the last that was found is gone.
	Lost(error)
	// Searching says why there is none, each time that the reason changes.
	Searching(problem error)
}
