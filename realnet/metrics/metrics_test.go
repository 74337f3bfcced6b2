package metrics_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"example.com/dsim/cells"
	"example.com/dsim/clock"
	"example.com/dsim/realnet/meter"
	"example.com/dsim/realnet/metrics"
	"example.com/dsim/realnet/socket"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// snapshot is a site of two cells, with a link to each other and one that carries
// connections.
func snapshot() *cells.Snapshot {
	port := func(name, peer string, k cells.PortCounters) cells.PortStatus {
		return cells.PortStatus{Info: cells.PortInfo{Name: name, Peer: peer, State: cells.PortUp, Stream: name == ""}, Counters: k}
	}
	return &cells.Snapshot{
		Version: 7,
		Cells: []cells.CellStatus{
			{
				ID: "alice", Protocol: "abp", Run: cells.Running, Incarnation: 2,
				State: []cells.Attr{cells.TextAttr("role", "sender"), cells.BoolAttr("done", true), cells.IntAttr("retransmitted", 5), cells.IntAttr("resent", 1)},
				Ports: []cells.PortStatus{
					port("p0", "bob:p0", cells.PortCounters{TxFrames: 12, TxBytes: 1200, RxFrames: 11, RxBytes: 110, Last: clock.Time(1500 * time.Millisecond), Drops: []cells.ReasonCount{{Reason: "loss", Count: 3}, {Reason: "mtu", Count: 1}}}),
					port("", "bob:3", cells.PortCounters{TxFrames: 1, TxBytes: 10, Last: 1, Drops: []cells.ReasonCount{{Reason: "closed", Count: 1}}}),
					port("", "bob:4", cells.PortCounters{TxFrames: 2, TxBytes: 20, Last: 2, Drops: []cells.ReasonCount{{Reason: "closed", Count: 2}}}),
					port("", "", cells.PortCounters{}),
				},
			},
			{ID: "bob", Protocol: "abp", Run: cells.Crashed, Ports: []cells.PortStatus{port("p0", "alice:p0", cells.PortCounters{})}},
		},
		Links: []cells.LinkStatus{
			{Name: "ab", Ends: [2]string{"alice:p0", "bob:p0"}, BA: []cells.Param{{Name: "cut", Value: "lost"}}},
			{Name: "s", Ends: [2]string{"alice", "bob"}, Stream: true, AB: []cells.Param{{Name: "cut", Value: "no"}}},
		},
	}
}

func cellMetrics() metrics.CellMetrics {
	s := snapshot()
	m := metrics.CellMetrics{
		Process: metrics.Process{Name: "alice", PID: 12, Build: "test", Start: start},
		Version: s.Version, Inputs: 99, Cells: metrics.Cells(s, start), Links: metrics.Links(s),
	}
	var trips meter.RoundTrips
	trips.Sent(0)
	trips.Received(40 * time.Microsecond)
	r := trips.Read()
	metrics.Attach(m.Cells, m.Links, "alice", "p0", "ab", &metrics.WireStatus{
		Kind: "unix", Status: "connected", Role: "server", RoundTrips: &r,
		Counters: socket.Counters{TxFrames: 9, TxBytes: 900, RxFrames: 11, RxBytes: 110, Full: 1, Refused: 2, BadFrames: 4, Queued: 6, Connects: 1, LastTx: start.Add(time.Second), LastRx: start},
	})
	metrics.Attach(m.Cells, m.Links, "bob", "p0", "ab", &metrics.WireStatus{Kind: "unix", Status: "bound"})
	metrics.Attach(m.Cells, m.Links, "alice", "", "s", &metrics.WireStatus{Kind: "tcp", Status: "disconnected", Counters: socket.Counters{TxFrames: 3}})
	var late meter.Histogram
	late.Observe(2 * time.Millisecond)
	m.Lateness = &metrics.Lateness{Spans: late.Read(), Over: 1, Bound: time.Millisecond}
	return m
}

func datacenterMetrics() metrics.DatacenterMetrics {
	m := cellMetrics()
	m.Cells = append(m.Cells, metrics.CellStatus{ID: "caf\xe9 \"7\"\n", Run: "none"})
	return metrics.DatacenterMetrics{
		Version: m.Version, Cells: m.Cells, Links: m.Links, Applied: 4, Refused: 1, Events: 20,
		Lost: map[string]uint64{"killed": 1, "exit 1": 2}, Viewers: 1,
	}
}

func get(t *testing.T, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// TestScrapeShowsWhatWasReported goes from a report to lines of the text format.
func TestScrapeShowsWhatWasReported(t *testing.T) {
	got := strings.Split(get(t, metrics.Cell(cellMetrics)), "\n")
	for _, want := range []string{
		`dsim_cell_up{cell="alice"} 1`,
		`dsim_cell_up{cell="bob"} 0`,
		`dsim_cell_run_state{cell="bob"} 3`,
		`dsim_cell_incarnation{cell="alice"} 2`,
		`dsim_cell_retransmitted_frames_total{cell="alice"} 6`,
		`dsim_port_sent_frames_total{cell="alice",link="ab",port="p0"} 12`,
		`dsim_port_received_bytes_total{cell="alice",link="ab",port="p0"} 110`,
		`dsim_port_sent_bytes_total{cell="alice",link="s",port="*"} 30`,
		`dsim_port_dropped_frames_total{cell="alice",link="ab",port="p0",reason="loss"} 3`,
		`dsim_port_dropped_frames_total{cell="alice",link="s",port="*",reason="closed"} 3`,
		`dsim_port_last_activity_timestamp_seconds{cell="alice",link="ab",port="p0"} 1.7673230465e+09`,
		`dsim_port_round_trip_seconds_bucket{cell="alice",link="ab",port="p0",le="2.5e-05"} 0`,
		`dsim_port_round_trip_seconds_bucket{cell="alice",link="ab",port="p0",le="5e-05"} 1`,
		`dsim_port_round_trip_seconds_count{cell="alice",link="ab",port="p0"} 1`,
		`dsim_wire_sent_frames_total{cell="alice",link="ab",port="p0"} 9`,
		`dsim_wire_sent_frames_total{cell="alice",link="s",port="*"} 3`,
		`dsim_wire_dropped_frames_total{cell="alice",link="ab",port="p0",reason="refused"} 2`,
		`dsim_wire_up{cell="bob",link="ab",port="p0"} 0`,
		`dsim_wire_queued_bytes{cell="alice",link="ab",port="p0"} 6`,
		`dsim_link_up{link="ab"} 0`,
		`dsim_link_cut{link="ab"} 1`,
		`dsim_link_cut{link="s"} 0`,
		`dsim_link_state{link="ab"} 2`,
		`dsim_link_state{link="s"} 5`,
		`dsim_topology_version 7`,
		`dsim_site_inputs_total 99`,
		`dsim_lateness_seconds_sum 0.002`,
		`dsim_late_total 1`,
	} {
		if !slices.Contains(got, want) {
			name, _, _ := strings.Cut(want, "{")
			var near []string
			for _, l := range got {
				if strings.HasPrefix(l, name) {
					near = append(near, l)
				}
			}
			t.Errorf("no line\n  %s\nof\n  %s", want, strings.Join(near, "\n  "))
		}
	}
	for _, l := range got {
		if strings.HasPrefix(l, "dsim_cell_retransmitted_frames_total{cell=\"bob\"") || strings.HasPrefix(l, `dsim_port_last_activity_timestamp_seconds{cell="bob"`) {
			t.Errorf("shows what nobody reported: %s", l)
		}
	}
}

// TestDatacenterSurvivesNames: a cell whose name is no text costs its name, not
// the scrape.
func TestDatacenterSurvivesNames(t *testing.T) {
	got := get(t, metrics.Datacenter(datacenterMetrics))
	for _, want := range []string{
		"dsim_cell_up{cell=\"caf\uFFFD \\\"7\\\"\\n\"} 0\n",
		"dsim_datacenter_applied_batches_total 4\n",
		"dsim_datacenter_lost_cells_total{reason=\"exit 1\"} 2\n",
		"dsim_datacenter_viewers 1\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line %q", want)
		}
	}
}

// TestLabelsAreFew: how many series there are follows from the topology alone.
func TestLabelsAreFew(t *testing.T) {
	for _, h := range []http.Handler{metrics.Cell(cellMetrics), metrics.Datacenter(datacenterMetrics)} {
		for l := range strings.Lines(get(t, h)) {
			if !strings.HasPrefix(l, "dsim_") {
				continue
			}
			_, labels, ok := strings.Cut(l, "{")
			if !ok {
				continue
			}
			for _, p := range strings.Split(labels[:strings.LastIndex(labels, "}")], ",") {
				if name, _, ok := strings.Cut(p, "="); ok && !slices.Contains([]string{"cell", "port", "link", "reason", "le"}, name) {
					t.Errorf("label %s in %s", name, l)
				}
			}
		}
	}
}

// TestPromlint asks the linter of the Prometheus library about names and helps.
func TestPromlint(t *testing.T) {
	for name, h := range map[string]http.Handler{"cell": metrics.Cell(cellMetrics), "datacenter": metrics.Datacenter(datacenterMetrics)} {
		problems, err := promlint.New(strings.NewReader(get(t, h))).Lint()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s: %s", name, p.Metric, p.Text)
		}
	}
}

// TestPromtoolChecksMetrics asks the tool of Prometheus itself, which sees more.
func TestPromtoolChecksMetrics(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: Debian's package prometheus has it")
	}
	check := func(text string) ([]byte, error) {
		c := exec.CommandContext(t.Context(), tool, "check", "metrics")
		c.Stdin = strings.NewReader(text)
		return c.CombinedOutput()
	}
	for name, h := range map[string]http.Handler{"cell": metrics.Cell(cellMetrics), "datacenter": metrics.Datacenter(datacenterMetrics)} {
		if out, err := check(get(t, h)); err != nil {
			t.Errorf("%s: promtool: %v\n%s", name, err, out)
		}
	}
	if _, err := check("# HELP BadName x\n# TYPE BadName counter\nBadName 1\n"); err == nil {
		t.Error("promtool has nothing against a counter BadName: it checks nothing")
	}
}

// TestJSONIsTheSame: what Prometheus gets as numbers, others get as JSON.
func TestJSONIsTheSame(t *testing.T) {
	var m metrics.CellMetrics
	d := json.NewDecoder(strings.NewReader(get(t, metrics.CellJSON(cellMetrics))))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	p := m.Cells[0].Ports[0]
	if p.TxFrames != 12 || p.Link != "ab" || p.Wire.Counters.Refused != 2 || p.Wire.RoundTrips.Count != 1 || *m.Cells[0].Retransmitted != 6 || !p.LastActivity.Equal(start.Add(1500*time.Millisecond)) {
		t.Errorf("alice's port p0 is %+v", p)
	}
	if raw := get(t, metrics.DatacenterJSON(datacenterMetrics)); !json.Valid([]byte(raw)) {
		t.Errorf("no JSON: %s", raw)
	}
}

// TestManyScrapesAtOnce: askers at the same time share a reading, and none is
// turned away.
func TestManyScrapesAtOnce(t *testing.T) {
	hold := make(chan struct{})
	var once sync.Once
	s := httptest.NewServer(metrics.Cell(func() metrics.CellMetrics {
		once.Do(func() { <-hold })
		return cellMetrics()
	}))
	defer s.Close()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r, err := http.Get(s.URL)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Body.Close()
			if b, err := io.ReadAll(r.Body); err != nil || r.StatusCode != http.StatusOK || !bytes.Contains(b, []byte("dsim_topology_version 7")) {
				t.Errorf("status %s, %v", r.Status, err)
			}
		})
	}
	close(hold)
	wg.Wait()
}

// TestHandbookNamesEveryMetric holds the handbook's page to what is served, both
// ways.
func TestHandbookNamesEveryMetric(t *testing.T) {
	b, err := os.ReadFile("../../docs/handbook/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, name := range regexp.MustCompile("`(dsim_[a-z_]+)`").FindAllStringSubmatch(string(b), -1) {
		told[name[1]] = true
	}
	served := map[string]bool{}
	for _, h := range []http.Handler{metrics.Cell(cellMetrics), metrics.Datacenter(datacenterMetrics)} {
		for _, m := range regexp.MustCompile(`(?m)^# TYPE (dsim_[a-z_]+) `).FindAllStringSubmatch(get(t, h), -1) {
			served[m[1]] = true
		}
	}
	for name := range served {
		if !told[name] {
			t.Errorf("the handbook does not say what %s is", name)
		}
	}
	for name := range told {
		if !served[name] {
			t.Errorf("the handbook tells of %s, which is not served", name)
		}
	}
}
