package bench

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// part is a figure of a single part, worked out from the lines that Go's benchmarks print.
type part struct {
	what  string
	bench string  // name of the benchmark, without "Benchmark" and the number of processors
	unit  string  // as the benchmark prints it
	over  string  // another benchmark with the same unit: the figure is how many times as much that one takes
	limit float64 // at most; of a ratio, at least
	shown string  // unit on the table
}

// parts are the figures that have a limit.
func parts() []part {
	return []part{
		{what: "live refresh with all labels, 2,100 edges", bench: "Refresh/edges=2100", unit: "cpu-ms/op", limit: 2, shown: "ms CPU"},
		{what: "live refresh with all labels, 8,500 edges", bench: "Refresh/edges=8500", unit: "cpu-ms/op", limit: 10, shown: "ms CPU"},
		{what: "of it, read the aggregator: 2,100 edges", bench: "Observe/edges=2100/window=30s", unit: "cpu-ms/op", shown: "ms CPU"},
		{what: "of it, read the aggregator: 8,500 edges", bench: "Observe/edges=8500/window=30s", unit: "cpu-ms/op", shown: "ms CPU"},
		{what: "of it, draw and judge: 2,100 edges", bench: "Build/planned/services=500/edges=2100", unit: "cpu-ms/op", shown: "ms CPU"},
		{what: "of it, draw and judge: 8,500 edges", bench: "Build/planned/services=2000/edges=8500", unit: "cpu-ms/op", shown: "ms CPU"},
		{what: "what the default view shows, 2,000 services / 6,000 edges", bench: "Choose/services=2000/problems", unit: "cpu-ms/op", limit: 10, shown: "ms CPU"},
		{what: "the same, 5,000 services / 15,000 edges", bench: "Choose/services=5000/problems", unit: "cpu-ms/op", limit: 30, shown: "ms CPU"},
		{what: "a second of the default view, 2,000 services: chosen, compared, encoded", bench: "View/services=2000/problems", unit: "cpu-ms/frame", limit: 20, shown: "ms CPU"},
		{what: "of it, to each viewer", bench: "View/services=2000/problems", unit: "B/s", limit: 4000, shown: "B/s"},
		{what: "the same of two hops around the busiest service", bench: "View/services=2000/focus", unit: "B/s", limit: 4000, shown: "B/s"},
		{what: "the same of the groups", bench: "View/services=2000/groups", unit: "B/s", limit: 4000, shown: "B/s"},
		{what: "the same of 100 rows of the table, 5,000 services", bench: "View/services=5000/table", unit: "B/s", limit: 4000, shown: "B/s"},
		{what: "the same of everything, 2,000 services", bench: "View/services=2000/whole", unit: "B/s", shown: "B/s"},
		{what: "a frame of the default view to one viewer", bench: "Viewers/1", unit: "cpu-ms/frame", shown: "ms CPU"},
		{what: "the same to 200 viewers", bench: "Viewers/200", unit: "cpu-ms/frame", limit: 60, shown: "ms CPU"},
		{what: "frame of the past, 1,000 edges", bench: "Frame1000", unit: "cpu-ms/op", limit: 100, shown: "ms CPU"},
		{what: "frame of the past, 10,000 edges", bench: "Frame10000", unit: "cpu-ms/op", limit: 1000, shown: "ms CPU"},
		{what: "page of 1.25 MB parsed and appended: text, cheaper than by expfmt", bench: "PageCached", over: "PageExpfmt", unit: "cpu-ms/op", limit: 8, shown: "×"},
		{what: "the same: protobuf", bench: "PageProtobuf", over: "PageExpfmt", unit: "cpu-ms/op", limit: 8, shown: "×"},
		{what: "canary judge, of healthy canaries aborted at α 0.05", bench: "Table/plain-0.05/healthy", unit: "aborted-%", limit: 5, shown: "%"},
		{what: "the same, ramp 5 → 50 % with drifting errors", bench: "Table/plain-0.05/healthy-ramp", unit: "aborted-%", limit: 5, shown: "%"},
		{what: "the same, bursts, tempered by itself", bench: "Table/auto-0.05/healthy-bursts", unit: "aborted-%", limit: 5, shown: "%"},
		{what: "the same at the default α 0.01", bench: "Table/auto-0.01/healthy-bursts", unit: "aborted-%", limit: 1, shown: "%"},
		{what: "canary with twice the errors aborted after, α 0.05", bench: "Table/plain-0.05/twice", unit: "minutes", limit: 3.75, shown: "min"},
		{what: "the same, 0.05 → 0.5 % of errors", bench: "Table/plain-0.05/tenfold", unit: "minutes", limit: 1, shown: "min"},
		{what: "the same, four times the errors at 20 requests/s", bench: "Table/plain-0.05/fourfold-small", unit: "minutes", limit: 5, shown: "min"},
		{what: "twice the errors, tempered by itself", bench: "Table/auto-0.05/twice", unit: "minutes", limit: 7, shown: "min"},
		{what: "change through the door and the ledger, sample mesh (300/s)", bench: "Ledger/sample", unit: "cpu-ms/op", limit: 3.3, shown: "ms CPU"},
		{what: "the same, as many one after the other", bench: "Ledger/sample", unit: "changes/s", shown: "changes/s"},
		{what: "the same, 500 services", bench: "Ledger/services=500", unit: "changes/s", shown: "changes/s"},
		{what: "1,000 proxies × 10 clusters, a push a second", bench: "Fleet", unit: "cpu-cores", limit: 1, shown: "cores"},
		{what: "the same, memory", bench: "Fleet", unit: "rss-MB", limit: 400, shown: "MB"},
	}
}

// Table reads what `go test -bench` prints, passes it on to log, and writes the figures that have a limit as a table.
func Table(in io.Reader, out, log io.Writer) error {
	figures := make(map[string]map[string]float64)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		fmt.Fprintln(log, lines.Text())
		if name, values, ok := figuresOf(lines.Text()); ok {
			figures[name] = values
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the benchmarks: %w", err)
	}
	var rows []Row
	for _, p := range parts() {
		rows = append(rows, p.row(figures))
	}
	return write(out, rows)
}

// row is a figure beside its limit.
func (p part) row(figures map[string]map[string]float64) Row {
	got, ok := figures[p.bench][p.unit]
	if p.over != "" {
		base, measured := figures[p.over][p.unit]
		got, ok = base/got, ok && measured
	}
	if !ok {
		return Row{What: p.what, Got: "not measured"}
	}
	r := Row{What: p.what, Got: strconv.FormatFloat(got, 'g', 3, 64) + " " + p.shown, Held: true}
	switch {
	case p.limit == 0:
	case p.over != "":
		r.Limit, r.Held = fmt.Sprintf("≥ %g %s", p.limit, p.shown), got >= p.limit
	default:
		r.Limit, r.Held = fmt.Sprintf("≤ %g %s", p.limit, p.shown), got <= p.limit
	}
	return r
}

// figuresOf reads one line: "BenchmarkObserve/2100-2   100   1052 ns/op   0 allocs/op".
func figuresOf(line string) (name string, values map[string]float64, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return "", nil, false
	}
	name = strings.TrimPrefix(fields[0], "Benchmark")
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		name = name[:i]
	}
	values = make(map[string]float64)
	for i := 2; i+1 < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return "", nil, false
		}
		values[fields[i+1]] = v
	}
	return name, values, true
}
