package realnet

import (
	"path/filepath"
	"testing"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/socket"
)

// A dial over a wire at whose other end nobody is yet fails, and the next is made
// when somebody is there.
func TestADialOverAWireThatIsNotThereYetFails(t *testing.T) {
	spec := func(id cells.ID, params ...cells.Param) cells.CellSpec {
		return cells.CellSpec{ID: id, Protocol: "echo", Params: params}
	}
	p := newTwo(t, true,
		spec("client", param("role", "client"), param("dial", "server:echo"), param("bytes", "100B"), param("redial", "5ms")),
		spec("server", param("role", "server")))
	path := filepath.Join(shortDir(t), "w")
	link := cells.LinkSpec{Name: "w", A: cells.Endpoint{Cell: "client"}, B: cells.Endpoint{Cell: "server"}, Stream: true}
	add := func(k int, mode string) {
		batch := []cells.Change{{Op: cells.AddLink, Link: link}}
		if err := p.side[k].Prepare(2, batch, map[string]socket.Config{"w": {Kind: "unix-stream", Path: path, Mode: mode}}); err != nil {
			t.Fatal(err)
		}
		if err := p.side[k].Commit(2); err != nil {
			t.Fatal(err)
		}
	}
	before := p.attr(0, "resets")
	add(0, "client")
	p.until("the dials fail", 5*time.Second, func() bool { return p.attr(0, "resets") > before+3 })
	add(1, "server")
	p.until("one comes through", 5*time.Second, func() bool { return p.attr(0, "finished") == 1 })
}
