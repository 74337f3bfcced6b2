package datacenter

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/metrics"
	"github.com/danielgtaylor/huma/v2"
)

type nothing struct{}

// topology registers what concerns all of it.
func (s *Server) topology() {
	c := s.c
	type declared struct {
		Version uint64 `json:"version,string" doc:"of the topology"`
		Topology
	}
	handle(s, "get-topology", http.MethodGet, "/topology", "The topology, as it could be declared again",
		func(context.Context, *nothing) (*answer[declared], error) {
			return &answer[declared]{declared{c.Version(), c.Topology()}}, nil
		})
	handle(s, "put-topology", http.MethodPut, "/topology", "Makes the topology what is declared, by one batch",
		func(ctx context.Context, in *struct {
			Body struct {
				Version uint64 `json:"version,string,omitempty" doc:"must be greater than the last; the next if left out"`
				Topology
			}
		},
		) (*answer[done], error) {
			return changed(c.Declare(ctx, in.Body.Version, in.Body.Topology))
		})
	handle(s, "apply", http.MethodPost, "/batches", "Applies a batch of changes: all of it, or nothing",
		func(ctx context.Context, in *struct {
			Body struct {
				Version uint64       `json:"version,string,omitempty" doc:"must be greater than the last, or the same with the same batch; the next if left out"`
				Changes []ChangeBody `json:"changes" maxItems:"100000"`
			}
		},
		) (*answer[done], error) {
			return changed(c.ApplyBodies(ctx, in.Body.Version, in.Body.Changes))
		})
	handle(s, "end", http.MethodPost, "/end", "Ends the datacenter and all processes that it started",
		func(context.Context, *nothing) (*answer[done], error) {
			s.close()
			return &answer[done]{done{c.Version()}}, nil
		})
}

// CellPath names a cell in a path. It is exported since huma leaves embedded
// fields alone that are not.
type CellPath struct {
	ID string `path:"id" doc:"the cell's name"`
}

// cells registers what concerns one cell.
func (s *Server) cells() {
	c := s.c
	handle(s, "get-cell", http.MethodGet, "/cells/{id}", "A cell, its process and its numbers",
		func(_ context.Context, in *CellPath) (*answer[Cell], error) {
			list := c.Status().Cells
			i := slices.IndexFunc(list, func(x Cell) bool { return x.ID == in.ID })
			if i < 0 {
				return nil, noCell(in.ID)
			}
			return &answer[Cell]{list[i]}, nil
		})
	handle(s, "add-cell", http.MethodPut, "/cells/{id}", "Adds a cell: starts a process, or takes one over; nothing happens if it is there already",
		func(ctx context.Context, in *struct {
			CellPath
			Body CellBody
		},
		) (*answer[done], error) {
			if x, err := c.site(cells.ID(in.ID)); err == nil && sameCell(bodyOf(x.spec, x.place), in.Body) {
				return changed(c.Version(), nil)
			}
			return s.one(ctx, ChangeBody{Op: "add-cell", Name: in.ID, Cell: &in.Body})
		})
	handle(s, "set-cell", http.MethodPatch, "/cells/{id}", "Sets a cell: run (crash, restart, restart-kept, pause, resume), drift, step, offset",
		func(ctx context.Context, in *struct {
			CellPath
			Body struct {
				Params map[string]string `json:"params" example:"{\"run\":\"pause\"}"`
			}
		},
		) (*answer[done], error) {
			if _, err := c.site(cells.ID(in.ID)); err != nil {
				return nil, noCell(in.ID)
			}
			return s.one(ctx, ChangeBody{Op: "set-cell", Name: in.ID, Cell: &CellBody{Params: in.Body.Params}})
		})
	handle(s, "remove-cell", http.MethodDelete, "/cells/{id}", "Removes a cell with its links, and ends its process",
		func(ctx context.Context, in *CellPath) (*answer[done], error) {
			if _, err := c.site(cells.ID(in.ID)); err != nil {
				return nil, noCell(in.ID)
			}
			return s.one(ctx, ChangeBody{Op: "remove-cell", Name: in.ID})
		})
	s.processes()
}

// processes registers what concerns a cell's process.
func (s *Server) processes() {
	c := s.c
	handle(s, "kill-cell", http.MethodPost, "/cells/{id}/kill", "Ends a cell's process at once, as kill -9 does; a restart starts another",
		func(_ context.Context, in *CellPath) (*answer[done], error) {
			if _, err := c.site(cells.ID(in.ID)); err != nil {
				return nil, noCell(in.ID)
			}
			return changed(c.Version(), c.Kill(cells.ID(in.ID)))
		})
	type words struct {
		Answer string `json:"answer"`
	}
	handle(s, "command", http.MethodPost, "/cells/{id}/command", "Gives a cell's protocol a command",
		func(_ context.Context, in *struct {
			CellPath
			Body struct {
				Words []string `json:"words" minItems:"1" maxItems:"1000" example:"[\"send\",\"hello\"]"`
			}
		},
		) (*answer[words], error) {
			if _, err := c.site(cells.ID(in.ID)); err != nil {
				return nil, noCell(in.ID)
			}
			text, err := c.Command(cells.ID(in.ID), in.Body.Words)
			return &answer[words]{words{text}}, problem(err)
		})
	type lines struct {
		Lines []string `json:"lines"`
	}
	handle(s, "logs", http.MethodGet, "/cells/{id}/logs", "The last lines that a cell's process wrote to standard error",
		func(_ context.Context, in *struct {
			CellPath
			Lines int `query:"lines" default:"100" minimum:"1" maximum:"100000"`
		},
		) (*answer[lines], error) {
			if _, err := c.site(cells.ID(in.ID)); err != nil {
				return nil, noCell(in.ID)
			}
			list, err := c.Logs(cells.ID(in.ID), in.Lines)
			return &answer[lines]{lines{append([]string{}, list...)}}, problem(err)
		})
}

func noCell(id string) error { return huma.Error404NotFound(fmt.Sprintf("no cell %q", id)) }

func noLink(name string) error { return huma.Error404NotFound(fmt.Sprintf("no link %q", name)) }

// one applies one change as the next batch.
func (s *Server) one(ctx context.Context, change ChangeBody) (*answer[done], error) {
	return changed(s.c.ApplyBodies(ctx, 0, []ChangeBody{change}))
}

// LinkPath names a link in a path, likewise.
type LinkPath struct {
	Name string `path:"name" doc:"the link's name"`
}

// links registers what concerns one link.
func (s *Server) links() {
	c := s.c
	handle(s, "get-link", http.MethodGet, "/links/{name}", "A link: its ends, how they are, and what it does",
		func(_ context.Context, in *LinkPath) (*answer[Link], error) {
			list := c.Status().Links
			i := slices.IndexFunc(list, func(x Link) bool { return x.Name == in.Name })
			if i < 0 {
				return nil, noLink(in.Name)
			}
			return &answer[Link]{list[i]}, nil
		})
	handle(s, "add-link", http.MethodPut, "/links/{name}", "Adds a link; nothing happens if it is there already",
		func(ctx context.Context, in *struct {
			LinkPath
			Body LinkBody
		},
		) (*answer[done], error) {
			if c.isLink(in.Name, &in.Body) {
				return changed(c.Version(), nil)
			}
			return s.one(ctx, ChangeBody{Op: "add-link", Name: in.Name, Link: &in.Body})
		})
	handle(s, "set-link", http.MethodPatch, "/links/{name}", "Sets parameters of a link, for what is sent from now on",
		func(ctx context.Context, in *struct {
			LinkPath
			Body struct {
				Both map[string]string `json:"both,omitempty" doc:"both ways" example:"{\"loss\":\"10%\"}"`
				AB   map[string]string `json:"ab,omitempty" doc:"from the first end"`
				BA   map[string]string `json:"ba,omitempty" doc:"from the second end"`
			}
		},
		) (*answer[done], error) {
			if !c.hasLink(in.Name) {
				return nil, noLink(in.Name)
			}
			return s.one(ctx, ChangeBody{Op: "set-link", Name: in.Name, Link: &LinkBody{Both: in.Body.Both, AB: in.Body.AB, BA: in.Body.BA}})
		})
	handle(s, "remove-link", http.MethodDelete, "/links/{name}", "Removes a link",
		func(ctx context.Context, in *struct {
			LinkPath
			Drain bool `query:"drain" doc:"what was sent arrives"`
		},
		) (*answer[done], error) {
			if !c.hasLink(in.Name) {
				return nil, noLink(in.Name)
			}
			return s.one(ctx, ChangeBody{Op: "remove-link", Name: in.Name, Drain: in.Drain})
		})
	handle(s, "fault", http.MethodPost, "/links/{name}/fault", "Does a fault to a link: cut, heal, inject or clear",
		func(ctx context.Context, in *struct {
			LinkPath
			Body Fault
		},
		) (*answer[done], error) {
			if !c.hasLink(in.Name) {
				return nil, noLink(in.Name)
			}
			return changed(c.Inject(ctx, in.Name, in.Body))
		})
}

// look registers what only shows.
func (s *Server) look() {
	c := s.c
	handle(s, "status", http.MethodGet, "/status", "Everything: cells, processes, ports with rates, links",
		func(context.Context, *nothing) (*answer[Status], error) { return &answer[Status]{c.Status()}, nil })
	handle(s, "snapshot", http.MethodGet, "/snapshot", "The topology with what every cell says of itself",
		func(context.Context, *nothing) (*answer[cells.Snapshot], error) {
			return &answer[cells.Snapshot]{c.Snapshot()}, nil
		})
	handle(s, "metrics", http.MethodGet, "/metrics", "All numbers, as JSON; Prometheus asks at /metrics",
		func(context.Context, *nothing) (*answer[metrics.DatacenterMetrics], error) {
			return &answer[metrics.DatacenterMetrics]{c.Metrics()}, nil
		})
	type listed struct {
		Events []Event `json:"events"`
	}
	handle(s, "events", http.MethodGet, "/events", "What happened last, oldest first",
		func(_ context.Context, in *struct {
			After uint64 `query:"after" doc:"only what came after the event of this number"`
			Most  int    `query:"most" default:"1000" minimum:"1" maximum:"100000"`
		},
		) (*answer[listed], error) {
			list, _, _ := c.Events(in.After, in.Most)
			return &answer[listed]{listed{append([]Event{}, list...)}}, nil
		})
	s.stream()
}

// isLink reports whether a link is there as it is described.
func (c *Controller) isLink(name string, body *LinkBody) bool {
	spec, err := body.spec(name, true)
	if err != nil {
		return false
	}
	ab, ba, err := effective(spec)
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lines[name]
	if l == nil || !l.same(spec, body.Wires) {
		return false
	}
	haveAB, haveBA, err := effective(l.spec)
	return err == nil && slices.Equal(ab, haveAB) && slices.Equal(ba, haveBA)
}
