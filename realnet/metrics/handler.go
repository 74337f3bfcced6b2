package metrics

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Bounds of a scrape. A scrape that is under way answers all who ask meanwhile.
const (
	scrapesMax    = 16
	scrapeSeconds = 10
)

// Cell serves what read gives to Prometheus, which asks for it once a scrape, and
// the numbers of the process itself beside it. read is called by any goroutine.
func Cell(read func() CellMetrics) http.Handler {
	return serve(cellCollector(read))
}

// CellJSON serves the same as JSON.
func CellJSON(read func() CellMetrics) http.Handler {
	return serveJSON(func() any { return read() })
}

// Datacenter serves what read gives to Prometheus, as Cell does.
func Datacenter(read func() DatacenterMetrics) http.Handler {
	return serve(datacenterCollector(read))
}

// DatacenterJSON serves the same as JSON.
func DatacenterJSON(read func() DatacenterMetrics) http.Handler {
	return serveJSON(func() any { return read() })
}

func cellCollector(read func() CellMetrics) *collector {
	return &collector{append(append([]metric{}, ofCells...), ofProcess...), func(s *sink) {
		m := read()
		s.process(&m)
	}}
}

func datacenterCollector(read func() DatacenterMetrics) *collector {
	return &collector{append(append([]metric{}, ofCells...), ofDatacenter...), func(s *sink) {
		m := read()
		s.datacenter(&m)
	}}
}

func serve(c *collector) http.Handler {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		MaxRequestsInFlight: scrapesMax,
		Timeout:             scrapeSeconds * time.Second,
		CoalesceGather:      true,
	})
}

func serveJSON(read func() any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		b, err := json.MarshalIndent(read(), "", "  ")
		if err != nil {
			http.Error(w, "metrics: "+err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(append(b, '\n')) // an asker who left has no use for an error
	})
}
