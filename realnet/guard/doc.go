// Package guard is what stands between the machine and the servers of cells and
// datacenters, which do as they are told by whoever reaches them.
//
//	l, err := guard.Listen("127.0.0.1:9001", guard.Options{}) // or unix:/run/dsim/a.sock
//	err = guard.Serve(ctx, l, mux, guard.Options{})           // until ctx is over
//
// By default only the machine itself gets in: a server binds to loopback, or to a
// UNIX socket in a directory that is its owner's alone. Anything else takes both
// Options.AllowRemote and a token, which then everybody shows, from wherever he
// comes: as "Authorization: Bearer TOKEN", as "X-Dsim-Token: TOKEN", or as the
// password of HTTP Basic, so that an address such as http://dsim:TOKEN@host:9001
// carries it.
//
// A browser on the same machine reaches loopback too, and with it every page that
// it shows. So what another site has caused is refused: requests with a foreign
// Origin, requests that the browser calls cross-site or same-site (another port of
// this machine is the same site), and requests that name a host which is not this
// machine, as they do when a name is rebound.
//
// Headers, bodies, idle connections and the number of connections are bounded.
// What may be said once one is in is left to the servers.
package guard

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"
)

// Options say who gets in and how much he may ask for. Zero fields have the
// default.
type Options struct {
	// AllowRemote lets a server be bound to anything. It takes a token.
	AllowRemote bool
	// Token is what everybody must show; empty for nobody. See ReadToken.
	Token string
	// Hosts are names of this machine, besides localhost and addresses of
	// loopback, by which it may be called.
	Hosts []string
	// BodyMax bounds the body of a request; BodyDefault if zero.
	BodyMax int64
	// ConnsMax bounds connections at any moment; ConnsDefault if zero. More are
	// answered 503 at once.
	ConnsMax int
	// Log takes what is refused, and what HTTP itself complains of; nil for
	// nobody.
	Log *slog.Logger
}

// What a server bounds where nothing else is said, and how long it waits.
const (
	BodyDefault  = 8 << 20
	ConnsDefault = 256

	headerBytes = 64 << 10
	headerWait  = 5 * time.Second
	bodyWait    = 10 * time.Second
	idleWait    = 2 * time.Minute
)

func (o Options) orDefault() Options {
	if o.BodyMax <= 0 {
		o.BodyMax = BodyDefault
	}
	if o.ConnsMax <= 0 {
		o.ConnsMax = ConnsDefault
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// TokenMin is the fewest characters a token may have.
const TokenMin = 16

// ReadToken reads a token from a file that nobody but its owner can read: one
// line of at least TokenMin visible characters of ASCII without a blank.
func ReadToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if err := isPrivate(info); err != nil {
		return "", fmt.Errorf("%s: %w; chmod 600 it", path, err)
	}
	const tokenMax = 1024
	b, err := io.ReadAll(io.LimitReader(f, tokenMax+1))
	if err != nil {
		return "", err
	}
	token := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if len(b) > tokenMax {
		return "", fmt.Errorf("%s: a token has at most %d characters", path, tokenMax)
	}
	if err := CheckToken(token); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return token, nil
}

// CheckToken says what is wrong with a token, nil if nothing is.
func CheckToken(token string) error {
	if len(token) < TokenMin {
		return fmt.Errorf("a token of %d characters: at least %d", len(token), TokenMin)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return errors.New("a token is one line of visible ASCII, without a blank")
	}
	return nil
}

// isPrivate says why a file or directory is not its owner's alone.
func isPrivate(info fs.FileInfo) error {
	if err := ours(info); err != nil {
		return err
	}
	if open := info.Mode().Perm() &^ 0o700; modesCount && open != 0 {
		return fmt.Errorf("its mode %04o lets others in", info.Mode().Perm())
	}
	return nil
}
