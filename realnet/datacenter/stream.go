package datacenter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"example.com/dsim/clock"
	"github.com/danielgtaylor/huma/v2"
)

const (
	beatEvery   = 10 * time.Second // so that both sides notice when the other is gone
	writeWithin = 10 * time.Second // a reader that takes nothing for so long is let go
	streamPiece = 256              // events at a time
)

// streamIn are the arguments of the stream of events.
type streamIn struct {
	After uint64 `query:"after" doc:"only what comes after the event of this number"`
	Last  string `header:"Last-Event-ID" doc:"the same, as browsers say it when they come back"`
}

// stream registers the events as they come, as server-sent events: each is one
// message of type "event", numbered, its data an Event as JSON.
func (s *Server) stream() {
	registry := s.api.OpenAPI().Components.Schemas
	event := huma.SchemaFromType(registry, reflect.TypeFor[Event]())
	huma.Register(s.api, huma.Operation{
		OperationID: "follow-events", Method: http.MethodGet, Path: "/api/events/stream", Tags: []string{"look"},
		Summary: "What happens, as server-sent events",
		Responses: map[string]*huma.Response{"200": {
			Description: "messages of type event, whose id is the event's number",
			Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: event}},
		}},
	}, func(_ context.Context, in *streamIn) (*huma.StreamResponse, error) {
		after := in.After
		if n, err := strconv.ParseUint(in.Last, 10, 64); err == nil {
			after = n
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) { s.follow(hc, after) }}, nil
	})
}

// follow writes events until the reader or the datacenter is gone.
func (s *Server) follow(hc huma.Context, after uint64) {
	hc.SetHeader("Content-Type", "text/event-stream")
	hc.SetHeader("Cache-Control", "no-store")
	w, ok := hc.BodyWriter().(http.ResponseWriter)
	if !ok {
		return
	}
	ctl := http.NewResponseController(w)
	send := func(text string) bool {
		// Not every server has deadlines; then those of the connection hold.
		_ = ctl.SetWriteDeadline(clock.Wall().Add(writeWithin))
		_, err := w.Write([]byte(text))
		return err == nil && ctl.Flush() == nil
	}
	if !send(": dsim datacenter\n\n") {
		return
	}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		list, more, over := s.c.Events(after, streamPiece)
		text := ""
		for _, e := range list {
			b, err := json.Marshal(e)
			if err != nil {
				return
			}
			text += fmt.Sprintf("event: event\nid: %d\ndata: %s\n\n", e.N, b)
			after = e.N
		}
		switch {
		case text != "" && !send(text):
			return
		case text != "":
			continue
		case over:
			return
		}
		select {
		case <-hc.Context().Done():
			return
		case <-s.end:
			return
		case <-more:
		case <-beat.C:
			if !send(": beat\n\n") {
				return
			}
		}
	}
}
