package dialect

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/promqltest"
	"golang.org/x/tools/txtar"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden loads text series into Prometheus' storage, asks for a mesh at a moment, and compares what comes out.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { golden(t, file) })
	}
}

func golden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	part := func(name string) *txtar.File {
		for i := range archive.Files {
			if archive.Files[i].Name == name {
				return &archive.Files[i]
			}
		}
		archive.Files = append(archive.Files, txtar.File{Name: name})
		return &archive.Files[len(archive.Files)-1]
	}
	data := promqltest.LoadedStorage(t, string(part("series").Data))
	t.Cleanup(func() { data.Close() })
	c := parseCase(t, string(part("ask").Data))
	r, err := New(newStore(t, data), c.opts)
	if err != nil {
		t.Fatal(err)
	}
	found, err := r.Detect(t.Context(), c.at)
	if err != nil {
		t.Fatal(err)
	}
	o, err := r.Observe(t.Context(), c.mesh, c.at, c.window)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"edges": printObservation(o), "found": printFound(found)}
	if c.of != nil {
		p, err := r.Plot(t.Context(), c.mesh, *c.of, c.over)
		if err != nil {
			t.Fatal(err)
		}
		want["plot"] = printPlot(p)
	}
	if c.film {
		f, err := r.Film(t.Context(), c.mesh, c.over)
		if err != nil {
			t.Fatal(err)
		}
		want["film"] = printFilm(f)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		p := part(name)
		if got := want[name]; string(p.Data) != got && !*update {
			t.Errorf("%s is\n%s\nnot\n%s", name, got, p.Data)
		}
		p.Data = []byte(want[name])
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

type goldenCase struct {
	mesh   string
	at     time.Time
	window time.Duration
	opts   Options
	of     *mesh.Subject
	film   bool
	over   mesh.Span
}

func parseCase(t *testing.T, text string) goldenCase {
	c := goldenCase{mesh: "shop", at: time.Unix(600, 0), window: time.Minute}
	c.opts.Step = 15 * time.Second
	known := map[string]string{}
	var rule Rule
	span := func(v string) time.Duration {
		d, err := model.ParseDuration(v)
		if err != nil {
			t.Fatal(err)
		}
		return time.Duration(d)
	}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		words := strings.Fields(value)
		switch key {
		case "":
		case "mesh":
			c.mesh = value
		case "at":
			c.at = time.Unix(0, 0).Add(span(value))
		case "window":
			c.window = span(value)
		case "step":
			c.opts.Step = span(value)
		case "only":
			c.opts.Only = words
		case "histograms":
			c.opts.Histograms = Histograms(value)
		case "match":
			rule.Match = value
		case "namespace":
			rule.Namespace = value
		case "limit":
			fmt.Sscan(value, &c.opts.MaxEdges)
		case "known":
			for _, w := range words {
				known[strings.TrimPrefix(w, "gateway/")] = w
			}
		case "plot": // from (or -), to (or -), start, end, step
			c.of = &mesh.Subject{From: strings.Trim(words[0], "-"), To: strings.TrimPrefix(words[1], "-")}
			c.over = mesh.Span{Start: time.Unix(0, 0).Add(span(words[2])), End: time.Unix(0, 0).Add(span(words[3])), Step: span(words[4]), Window: c.window}
		case "film": // start, end, step
			c.film = true
			c.over = mesh.Span{Start: time.Unix(0, 0).Add(span(words[0])), End: time.Unix(0, 0).Add(span(words[1])), Step: span(words[2]), Window: c.window}
		default:
			t.Fatalf("ask has no %q", key)
		}
	}
	c.opts.Rules = map[string]Rule{"": rule}
	c.opts.Known = func(_, name string) (string, bool) { id, ok := known[name]; return id, ok }
	return c
}

func printFound(found []query.Found) string {
	var b strings.Builder
	var not []string
	for _, f := range found {
		if !f.Used && f.Series == 0 {
			not = append(not, f.Dialect)
			continue
		}
		fmt.Fprintf(&b, "%-8s %-5v %2d  %s\n", f.Dialect, f.Used, f.Series, f.Why)
	}
	fmt.Fprintf(&b, "not found: %s\n", strings.Join(not, " "))
	return b.String()
}

// printObservation writes only what is not zero.
func printObservation(o mesh.Observation) string {
	var b strings.Builder
	for _, e := range o.Edges {
		fmt.Fprintf(&b, "%s → %s %s%s%s\n", e.From, e.To, e.Protocol, printTraffic(e.Traffic), printAge(o.At.Sub(e.At)))
	}
	printNodes(&b, o, func(a mesh.Arrival) string {
		return when(a.Received, "in "+a.ID+printTraffic(a.Traffic))
	})
	printNodes(&b, o, func(a mesh.Arrival) string {
		return when(a.Pooled, fmt.Sprintf("pool %s%s instances=%d", a.ID, printPool(a.Pool), a.Pool.Instances))
	})
	printNodes(&b, o, func(a mesh.Arrival) string {
		return when(a.Unrouted > 0, "unrouted "+a.ID+" "+short(a.Unrouted)+"/s")
	})
	for _, id := range slices.Sorted(maps.Keys(o.Proxies)) {
		fmt.Fprintf(&b, "proxies %s %d\n", id, o.Proxies[id])
	}
	printNodes(&b, o, func(a mesh.Arrival) string {
		return when(!a.At.IsZero(), "reported "+a.ID+cmp.Or(printAge(o.At.Sub(a.At)), " now"))
	})
	if o.Reporting > 0 {
		fmt.Fprintf(&b, "reporting %d%s\n", o.Reporting, printAge(o.At.Sub(o.Oldest)))
	}
	fmt.Fprintf(&b, "window %s fresh %v partial %v\n", o.Window, o.Fresh, o.Partial)
	for _, n := range o.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

// printNodes writes a line for every node of which there is something to say.
func printNodes(b *strings.Builder, o mesh.Observation, line func(mesh.Arrival) string) {
	for _, a := range o.Nodes {
		if s := line(a); s != "" {
			fmt.Fprintln(b, s)
		}
	}
}

func when(so bool, line string) string {
	if so {
		return line
	}
	return ""
}

func printAge(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return " age=" + d.String()
}

func printTraffic(m mesh.Traffic) string {
	var b strings.Builder
	fmt.Fprintf(&b, " %s/s n=%s", short(m.RequestRate), short(m.Requests))
	for c, v := range m.Classes {
		if v != 0 {
			fmt.Fprintf(&b, " %s=%s", [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}[c], short(v))
		}
	}
	if m.ErrorRatio > 0 {
		fmt.Fprintf(&b, " errors=%.2f%%", m.ErrorRatio*100)
	}
	if m.P50+m.P95+m.P99 > 0 {
		fmt.Fprintf(&b, " p50=%s p95=%s p99=%s", m.P50.Round(10*time.Microsecond), m.P95.Round(10*time.Microsecond), m.P99.Round(10*time.Microsecond))
	}
	put := func(name string, v float64) {
		if v != 0 {
			fmt.Fprintf(&b, " %s=%s", name, short(v))
		}
	}
	put("bytes", m.BytesRate)
	put("active", m.Active)
	put("members", m.Members)
	put("healthy", m.Healthy)
	put("ejected", m.Ejected)
	put("retries", m.Retries)
	put("timeouts", m.Timeouts)
	put("exhausted", m.Exhausted)
	put("nohost", m.NoHost)
	put("resets", m.Resets)
	b.WriteString(printPool(m.PoolUse))
	put("instances", float64(m.Instances))
	return b.String()
}

func printPool(p mesh.PoolUse) string {
	var b strings.Builder
	for _, f := range []struct {
		name string
		v    float64
	}{{"cx", p.Connections}, {"pending", p.Pending}, {"inflight", p.InFlight}, {"overflow", p.OverflowRate}, {"connectfail", p.FailRate}} {
		if f.v != 0 {
			fmt.Fprintf(&b, " %s=%s", f.name, short(f.v))
		}
	}
	return b.String()
}

func short(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.4g", v)
}

func printPlot(p mesh.Plot) string {
	var b strings.Builder
	b.WriteString("at rate errors p50 p95 p99 bytes cx pending overflow\n")
	for i, at := range p.At {
		fmt.Fprintf(&b, "%s", at.Sub(time.Unix(0, 0)))
		for _, c := range [][]float64{p.RequestRate, p.ErrorRatio, p.P50, p.P95, p.P99, p.BytesRate, p.Connections, p.Pending, p.Overflow} {
			fmt.Fprintf(&b, " %s", short(c[i]))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "partial %v\n", p.Partial)
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

func printFilm(f mesh.Film) string {
	var b strings.Builder
	for i, e := range f.Edges {
		fmt.Fprintf(&b, "%s → %s %s", e.From, e.To, e.Protocol)
		for m, at := range f.At {
			fmt.Fprintf(&b, " | %s %s %s %s %s", at.Sub(time.Unix(0, 0)), short(f.RequestRate[m][i]), short(f.ErrorRatio[m][i]), short(f.P95[m][i]), short(f.Refused[m][i]))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "partial %v\n", f.Partial)
	for _, n := range f.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}
