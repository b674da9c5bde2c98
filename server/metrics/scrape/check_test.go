package scrape

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/weirmesh/weir/server/mesh"
)

func TestCheckTarget(t *testing.T) {
	page := rq + "} 1\n" + rq + `,long="` + strings.Repeat("x", 2000) + "\"} 2\n# TYPE istio_requests_total counter\nistio_requests_total 3\nother 4\n"
	address := pages(t, func() string { return page })
	r, err := CheckTarget(t.Context(), quick("check", address), address)
	if err != nil {
		t.Fatal(err)
	}
	if r.Format != "text" || r.Families != 3 || r.Samples != 4 || r.Kept != 3 || r.Bytes != len(page) || r.URL != "http://"+address+"/stats/prometheus?usedonly=" {
		t.Errorf("%+v", r)
	}
	if got := fmt.Sprint(r.Dialects); got != "[{istio [istio_requests_total]} {envoy [envoy_cluster_upstream_rq_total]}]" {
		t.Errorf("dialects: %s", got)
	}
	if len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "limits.labelValueLength 1024") {
		t.Errorf("problems: %q", r.Problems)
	}

	native := toProtobuf(t, []byte("# TYPE other histogram\nother_bucket{le=\"+Inf\"} 1\nother_sum 1\nother_count 1\n"))
	binary := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeProtoDelim)))
		w.Write(native)
	})
	r, err = CheckTarget(t.Context(), quick("check", binary), binary)
	if err != nil || r.Format != "protobuf" || r.Samples != 1 || r.Kept != 0 || !strings.Contains(fmt.Sprint(r.Problems), "nothing of the page is kept") {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestCheckTargetFails says of every villain what its scrapes say.
func TestCheckTargetFails(t *testing.T) {
	t.Parallel()
	for _, v := range villains() {
		switch v.name {
		case "twice", "many values", "long label", "new series each time": // readable; limits are problems, not errors
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			address := v.serve(t)
			j := quick("check", address)
			j.Interval, j.Timeout = 10*time.Second, 10*time.Second
			if v.tune != nil {
				v.tune(&j)
			}
			words := v.words
			if v.name == "no such name" {
				words = []string{"proxy.invalid"} // whatever the machine's own name server says
			}
			eventually(t, "it says "+strings.Join(words, ", "), func() bool { // on a slow machine a timeout may come first
				_, err := CheckTarget(t.Context(), j, address)
				return mesh.CodeOf(err) == mesh.Unavailable &&
					!slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(err.Error(), w) })
			})
		})
	}
	if _, err := CheckTarget(t.Context(), Job{Name: "x"}, "a:1"); mesh.CodeOf(err) != mesh.Invalid {
		t.Errorf("a job that is wrong: %v", err)
	}
	if _, err := CheckTarget(t.Context(), quick("x", "a:1"), "a"); mesh.CodeOf(err) != mesh.Invalid {
		t.Errorf("an address that is wrong: %v", err)
	}
}
