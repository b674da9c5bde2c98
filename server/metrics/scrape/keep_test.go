package scrape

import (
	"regexp"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/metrics/dialect"
)

// What a dialect reads is kept of a page, whether the job names the dialect or not.
func TestEveryDialectIsKept(t *testing.T) {
	all := regexp.MustCompile("^(?:" + strings.Join(keepOf(""), "|") + ")$")
	for _, name := range dialect.Names() {
		if name == "weir" {
			continue // written by Weir, never scraped
		}
		keep := keepOf(name)
		if keep == nil {
			t.Errorf("%s cannot be named as a job's dialect", name)
			continue
		}
		own := regexp.MustCompile("^(?:" + strings.Join(keep, "|") + ")$")
		if len(dialect.Metrics(name)) == 0 {
			t.Errorf("%s reads nothing", name)
		}
		for _, metric := range dialect.Metrics(name) {
			metric = strings.TrimSuffix(metric, "_bucket") // histograms are kept whole, under their own names
			if !all.MatchString(metric) {
				t.Errorf("%s reads %s, which is not kept", name, metric)
			}
			if !own.MatchString(metric) {
				t.Errorf("%s reads %s, which a job of that dialect does not keep", name, metric)
			}
		}
	}
}
