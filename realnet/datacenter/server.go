package datacenter

import (
	"context"
	"errors"
	"net/http"
	"path"
	"reflect"
	"strings"
	"sync"

	"example.com/dsim/cells"
	"example.com/dsim/realnet/guard"
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Server shows a controller over HTTP: XML-RPC with the document's methods at /
// and /RPC2, and JSON below /api, described by /api/openapi.json.
type Server struct {
	c    *Controller
	mux  *http.ServeMux
	api  huma.API
	once sync.Once
	end  chan struct{} // closed when somebody has asked for the end
}

// NewServer makes a controller's server.
func NewServer(c *Controller) *Server {
	s := &Server{c: c, mux: http.NewServeMux(), end: make(chan struct{})}
	c.Face().Register(s.mux)
	config := huma.DefaultConfig("dsim datacenter", "1")
	config.Info.Description = "Cells as processes, and the links between them. Every change is a versioned batch: all of it happens, or nothing."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "/api/openapi", "", ""
	config.CreateHooks = nil // no links to schemas in answers
	config.RejectUnknownQueryParameters = true
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	s.api = humago.New(s.mux, config)
	s.topology()
	s.cells()
	s.links()
	s.look()
	versionsAreTexts(config.Components.Schemas)
	return s
}

// versionsAreTexts makes the schemas say what the types say by "json:,string",
// which huma does not read: a number of 64 bits is text, since not every reader of
// JSON has numbers that long.
func versionsAreTexts(schemas huma.Registry) {
	for _, schema := range schemas.Map() {
		if v := schema.Properties["version"]; v != nil && v.Type == huma.TypeInteger {
			v.Type, v.Format, v.Minimum, v.Pattern = huma.TypeString, "", nil, "^[0-9]+$"
			v.PrecomputeMessages()
		}
	}
}

// schemaName keeps types of other packages apart that have the names of ours.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if at := path.Base(t.PkgPath()); t.Name() != "" && at != "" && at != "." && at != "datacenter" && at != "huma" {
		return string(at[0]-'a'+'A') + at[1:] + name
	}
	return name
}

// Mount puts another handler beside the server's own: pattern is one of
// [http.ServeMux].
func (s *Server) Mount(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// End is closed when somebody has asked the datacenter to end, or the server has
// ended: streams end with it.
func (s *Server) End() <-chan struct{} { return s.end }

func (s *Server) close() { s.once.Do(func() { close(s.end) }) }

// OpenAPI is the description of the JSON side.
func (s *Server) OpenAPI() ([]byte, error) { return s.api.OpenAPI().MarshalJSON() }

// Serve serves at addresses such as "unix:/run/x.sock" or "127.0.0.1:9000",
// guarded as opt says, until ctx is over or somebody asks for the end. ready is
// called once all are bound, with where that is. A UNIX socket asks for no token:
// its directory does.
func (s *Server) Serve(ctx context.Context, addresses []string, opt guard.Options, ready func(at []string)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var servers sync.WaitGroup
	failed := make(chan error, len(addresses))
	at := make([]string, len(addresses))
	for i, a := range addresses {
		own := opt
		if strings.HasPrefix(a, "unix:") {
			own.Token, own.AllowRemote = "", false
		}
		l, err := guard.Listen(a, own)
		if err != nil {
			cancel()
			servers.Wait()
			return err
		}
		if at[i] = a; l.Addr().Network() == "tcp" {
			at[i] = "http://" + l.Addr().String()
		}
		servers.Go(func() {
			defer cancel() // one that ends ends all
			failed <- guard.Serve(ctx, l, s, own)
		})
	}
	if ready != nil {
		ready(at)
	}
	select {
	case <-s.end:
	case <-ctx.Done():
	}
	s.close() // so that streams end too
	cancel()
	servers.Wait()
	close(failed)
	var errs []error
	for err := range failed {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// problem is an error as HTTP tells it.
func problem(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, cells.ErrStale):
		return huma.Error409Conflict(err.Error())
	case errors.Is(err, ErrClosed):
		return huma.Error503ServiceUnavailable(err.Error())
	}
	return huma.Error422UnprocessableEntity(err.Error())
}

// answer is the body of an answer.
type answer[T any] struct{ Body T }

// done is what a change is answered with.
type done struct {
	Version uint64 `json:"version,string" doc:"of the topology, after it"`
}

func changed(version uint64, err error) (*answer[done], error) {
	if err != nil {
		return nil, problem(err)
	}
	return &answer[done]{done{version}}, nil
}

// handle registers an operation: a name, a method, a path, what it does.
func handle[I, O any](s *Server, name, method, path, summary string, do func(context.Context, *I) (*O, error)) {
	tag := "look"
	if method != http.MethodGet {
		tag = "change"
	}
	huma.Register(s.api, huma.Operation{
		OperationID: name, Method: method, Path: "/api" + path, Summary: summary, Tags: []string{tag},
		Errors: errorsOf(method), MaxBodyBytes: guard.BodyDefault,
	}, do)
}

func errorsOf(method string) []int {
	if method == http.MethodGet {
		return []int{http.StatusNotFound}
	}
	return []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}
}
