package socket

import "fmt"

// Open makes a wire and begins to look for its other end. What h is told comes
// from the wire's goroutines; the first call may come before Open returns. A
// wire that can never work, because the path is taken, the port in use, or the
// privilege missing, is an error; one whose other end is not there yet is none.
func Open(c Config, h Handler) (Wire, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	w, err := open(c, h)
	if err != nil {
		return nil, fmt.Errorf("wire %s: %w", c, err)
	}
	return w, nil
}
