package bench_test

import (
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/bench"
)

func TestTable(t *testing.T) {
	const printed = `goos: linux
BenchmarkRefresh/edges=2100-2         	     100	   1052000 ns/op	         1.02 cpu-ms/op	       0 allocs/op
BenchmarkRefresh/edges=8500           	     100	   1052000 ns/op	        12.5 cpu-ms/op
BenchmarkPageExpfmt-2           	      10	  91000000 ns/op	        90.0 cpu-ms/op
BenchmarkPageCached-2           	     100	   9100000 ns/op	         9.0 cpu-ms/op
PASS
`
	var out, log strings.Builder
	if err := bench.Table(strings.NewReader(printed), &out, &log); err != nil {
		t.Fatal(err)
	}
	if log.String() != printed {
		t.Errorf("what was read was not passed on: %q", log.String())
	}
	rows := make(map[string]string)
	for line := range strings.Lines(out.String()) {
		if what, rest, ok := strings.Cut(strings.TrimSpace(line), "   "); ok {
			rows[what] = strings.Join(strings.Fields(rest), " ")
		}
	}
	for what, want := range map[string]string{
		"live refresh with all labels, 2,100 edges": "1.02 ms CPU ≤ 2 ms CPU",
		"live refresh with all labels, 8,500 edges": "12.5 ms CPU ≤ 10 ms CPU not reached",
		"frame of the past, 1,000 edges":            "not measured not reached",
	} {
		if rows[what] != want {
			t.Errorf("%s: %q, want %q", what, rows[what], want)
		}
	}
	if !strings.Contains(out.String(), "10 ×") {
		t.Errorf("no ratio in\n%s", out.String())
	}
}
