// Command stage serves the status page of a datacenter that is not there: of any
// size, and in states that a real one is in for a moment only. Tests of the page
// in a browser use it, and whoever changes the page and wants to look at it.
//
//	go run ./realnet/page/internal/stage -links "ab: alice bob, bc: bob carol" -crashed carol
//	go run ./realnet/page/internal/stage -tree 200
//
// It says on standard error where it serves, and ends with its standard input.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/realnet/metrics"
	"example.com/dsim/realnet/page"
)

// stage is a datacenter without cells behind it.
type stage struct {
	mu     sync.Mutex
	status page.Status
	events []page.Event
	frames uint64
}

// newStage makes one of links "name: a b".
func newStage(links []string) *stage {
	s := &stage{}
	s.status.Version = 1
	ports := make(map[string][]page.Port)
	for _, l := range links {
		name, ends, _ := strings.Cut(l, ": ")
		a, b, _ := strings.Cut(ends, " ")
		link := page.Link{Name: name, State: "connected"}
		for i, id := range []string{a, b} {
			port := fmt.Sprintf("p%d", len(ports[id]))
			link.Ends[i] = id + ":" + port
			ports[id] = append(ports[id], page.Port{Name: port, Link: name, State: "up", Wire: &page.Wire{Kind: "unix", Status: "connected", Role: []string{"server", "client"}[i], Trips: 1000, TripsNS: 41_000_000, TripMax: 300_000}})
		}
		s.status.Links = append(s.status.Links, link)
	}
	for _, id := range slices.Sorted(maps.Keys(ports)) {
		s.status.Cells = append(s.status.Cells, page.Cell{ID: id, Protocol: "abp", Up: true, Run: "running", Incarnation: 1, Where: "process 4711", Ports: ports[id]})
	}
	return s
}

// Status counts frames up, as if they flowed.
func (s *stage) Status() page.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames += 240
	now := s.status
	now.Time = clock.Wall()
	now.Cells, now.Links = slices.Clone(s.status.Cells), slices.Clone(s.status.Links)
	for i := range now.Cells {
		c := &now.Cells[i]
		c.Ports = slices.Clone(c.Ports)
		for j := range c.Ports {
			p := &c.Ports[j]
			n := s.frames * uint64(1+len(p.Link)+int(p.Link[len(p.Link)-1])%7)
			p.TxFrames, p.RxFrames, p.TxBytes, p.RxBytes = n, n*9/10, n*100, n*90
			p.Drops = []cells.ReasonCount{{Reason: "loss", Count: n / 10}}
		}
	}
	return now
}

// Events are those that a fault made.
func (s *stage) Events(after uint64) []page.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]page.Event{}, s.events[min(after, uint64(len(s.events))):]...)
}

// cell is what the API tells of a cell.
func (s *stage) cell(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"state": []metrics.State{{Name: "frames", Value: strconv.FormatUint(s.frames, 10)}}}) // who left has no use for it
}

// fault is what the API does to a link.
func (s *stage) fault(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body struct {
		Op, Direction string
		Params        map[string]string
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		s.refuse(w, err.Error())
		return
	}
	if v := body.Params["loss"]; v == "much" {
		s.refuse(w, fmt.Sprintf("link %q: loss %q: must be a probability, such as 10%%", r.PathValue("link"), v))
		return
	}
	i := slices.IndexFunc(s.status.Links, func(l page.Link) bool { return l.Name == r.PathValue("link") })
	if i < 0 {
		s.refuse(w, "no such link")
		return
	}
	l := &s.status.Links[i]
	for _, way := range []struct {
		name   string
		params *[]page.Param
	}{{"ab", &l.AB}, {"ba", &l.BA}} {
		if body.Direction != "" && body.Direction != way.name {
			continue
		}
		switch body.Op {
		case "cut":
			*way.params = append(*way.params, page.Param{Name: "cut", Value: "lost"})
		case "heal", "clear":
			*way.params = nil
		case "inject":
			for _, name := range slices.Sorted(maps.Keys(body.Params)) {
				*way.params = append(*way.params, page.Param{Name: name, Value: body.Params[name]})
			}
		}
	}
	cut := func(p page.Param) bool { return p.Name == "cut" }
	l.Cut = slices.ContainsFunc(l.AB, cut) || slices.ContainsFunc(l.BA, cut)
	s.status.Version++
	s.events = append(s.events, page.Event{Number: uint64(len(s.events) + 1), Time: clock.Wall(), Kind: "link-" + body.Op, Link: l.Name, Text: body.Direction})
	w.WriteHeader(http.StatusNoContent)
}

func (s *stage) refuse(w http.ResponseWriter, why string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusUnprocessableEntity)
	_ = json.NewEncoder(w).Encode(map[string]string{"detail": why}) // who left has no use for it
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where to serve")
	links := flag.String("links", "ab: alice bob", "links, each with its two cells")
	tree := flag.Int("tree", 0, "so many cells in a tree, in place of -links")
	crashed := flag.String("crashed", "", "a cell that has crashed")
	paused := flag.String("paused", "", "a cell that is paused")
	flag.Parse()
	list := strings.Split(*links, ", ")
	if *tree > 1 {
		list = nil
		for i := 1; i < *tree; i++ {
			list = append(list, fmt.Sprintf("l%03d: c%03d c%03d", i, (i-1)/3, i))
		}
	}
	s := newStage(list)
	for i := range s.status.Cells {
		switch c := &s.status.Cells[i]; c.ID {
		case *crashed:
			c.Run, c.Up = cells.Crashed.String(), false
		case *paused:
			c.Run, c.Up = cells.Paused.String(), false
		}
	}
	if err := s.serve(*listen); err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
}

// serve serves until standard input ends.
func (s *stage) serve(listen string) error {
	p := page.New(s, page.Options{Name: "stage", Build: "no build"})
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", p)
	mux.Handle("GET /page/", p)
	mux.Handle("GET /favicon.ico", p)
	mux.HandleFunc("POST /api/links/{link}/fault", s.fault)
	mux.HandleFunc("GET /api/cells/{cell}", s.cell)
	in, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "serving http://"+in.Addr().String())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // however it ends, it is over
		p.Close()
		_ = server.Close()
	}()
	if err := server.Serve(in); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
