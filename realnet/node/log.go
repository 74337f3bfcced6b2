package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// LevelNames are the words for levels of logs, Python's included.
var LevelNames = []string{"debug", "info", "warning", "error", "critical"}

// levelCritical is above whatever a node logs by itself.
const levelCritical = slog.LevelError + 4

// ParseLevel reads the word for a level: one of LevelNames, or warn, in small
// letters or capitals.
func ParseLevel(word string) (slog.Level, error) {
	switch strings.ToLower(word) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warning", "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	case "critical":
		return levelCritical, nil
	}
	return 0, fmt.Errorf("level %q: want one of %s", word, strings.Join(LevelNames, ", "))
}

// Log gives loggers by name, each with a level of its own: the cell's, "rpc",
// "site", and one for each port and each link.
type Log struct {
	to slog.Handler

	mu     sync.RWMutex
	levels map[string]slog.Level
}

// NewLog makes a log of what a handler does with records. Names without a level
// have info; the handler itself is to let everything through.
func NewLog(to slog.Handler, levels map[string]slog.Level) *Log {
	l := &Log{to: to, levels: maps.Clone(levels)}
	if l.levels == nil {
		l.levels = make(map[string]slog.Level)
	}
	return l
}

// Named gives the logger of a name.
func (l *Log) Named(name string) *slog.Logger {
	return slog.New(&named{log: l, name: name, to: l.to.WithAttrs([]slog.Attr{slog.String("logger", name)})})
}

// SetLevel gives a name a level, from now on.
func (l *Log) SetLevel(name string, level slog.Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.levels[name] = level
}

func (l *Log) clearLevel(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.levels, name)
}

func (l *Log) level(name string) (slog.Level, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	level, ok := l.levels[name]
	return level, ok
}

// named is the handler of one name. A record about a link has that link's level,
// if it has one.
type named struct {
	log  *Log
	name string
	to   slog.Handler
}

// Enabled says whether a record may be of interest. Those about links decide when
// they are handled.
func (h *named) Enabled(_ context.Context, level slog.Level) bool {
	least, _ := h.log.level(h.name)
	h.log.mu.RLock()
	defer h.log.mu.RUnlock()
	for _, l := range h.log.levels {
		least = min(least, l)
	}
	return level >= least
}

// Handle writes a record whose level is enough.
func (h *named) Handle(ctx context.Context, r slog.Record) error {
	least, _ := h.log.level(h.name)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "link" {
			if l, ok := h.log.level(linkLogger + a.Value.String()); ok {
				least = l
			}
		}
		return true
	})
	if r.Level < least {
		return nil
	}
	return h.to.Handle(ctx, r)
}

// linkLogger is before a link's name in the names of loggers, apart from which
// no name has a colon.
const linkLogger = "link:"

// WithAttrs and WithGroup are those of a slog.Handler.
func (h *named) WithAttrs(a []slog.Attr) slog.Handler {
	return &named{h.log, h.name, h.to.WithAttrs(a)}
}

// WithGroup is that of a slog.Handler.
func (h *named) WithGroup(g string) slog.Handler {
	return &named{h.log, h.name, h.to.WithGroup(g)}
}

// Fan gives each record to several handlers.
type Fan []slog.Handler

// Enabled reports whether any of them wants it.
func (f Fan) Enabled(ctx context.Context, l slog.Level) bool {
	return slices.ContainsFunc(f, func(h slog.Handler) bool { return h.Enabled(ctx, l) })
}

// Handle gives it to those that do.
func (f Fan) Handle(ctx context.Context, r slog.Record) (err error) {
	for _, h := range f {
		if h.Enabled(ctx, r.Level) {
			err = errors.Join(err, h.Handle(ctx, r.Clone()))
		}
	}
	return err
}

// WithAttrs is that of a slog.Handler.
func (f Fan) WithAttrs(a []slog.Attr) slog.Handler {
	return f.each(func(h slog.Handler) slog.Handler { return h.WithAttrs(a) })
}

// WithGroup is that of a slog.Handler.
func (f Fan) WithGroup(g string) slog.Handler {
	return f.each(func(h slog.Handler) slog.Handler { return h.WithGroup(g) })
}

func (f Fan) each(change func(slog.Handler) slog.Handler) Fan {
	out := make(Fan, len(f))
	for i, h := range f {
		out[i] = change(h)
	}
	return out
}

// OpenLog opens the log file of a name in a directory, which is made if it is not
// there. What was written before stays.
func OpenLog(dir, name string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("log_dir: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("log_dir: %w", err)
	}
	return f, nil
}
