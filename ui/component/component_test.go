package component

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/ui/i18n"
)

func TestSparkPath(t *testing.T) {
	if got := SparkPath([]float64{0, 5, 10}, 3, 10); got != "M0.0 26.0L60.0 14.0L120.0 2.0" {
		t.Errorf("a full line is %s", got)
	}
	if got := SparkPath([]float64{10, 10}, 120, 10); !strings.HasPrefix(got, "M119.0") || !strings.HasSuffix(got, "L120.0 2.0") {
		t.Errorf("a short history does not end at the right: %s", got)
	}
	for _, none := range []string{SparkPath(nil, 120, 1), SparkPath([]float64{1}, 120, 1), SparkPath([]float64{1, 2}, 120, 0)} {
		if none != "" {
			t.Errorf("a line without two values is drawn: %s", none)
		}
	}
	if got := SparkPath([]float64{-5, 500}, 2, 10); got != "M0.0 26.0L120.0 2.0" {
		t.Errorf("values beyond the picture are drawn outside: %s", got)
	}
}

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{0: "0.00%", 0.25: "25.00%", 1: "100.00%", -1: "0.00%", 7: "100.00%", math.Inf(1): "100.00%"} {
		if got := percent(share); got != want {
			t.Errorf("%v is drawn as %s, want %s", share, got, want)
		}
	}
	if got := percent(math.NaN()); got != "0.00%" {
		t.Errorf("nothing is drawn as %s", got)
	}
}

func TestLevel(t *testing.T) {
	for _, c := range []struct {
		use, limit float64
		want       string
	}{{79, 100, "calm"}, {80, 100, "near"}, {100, 100, "full"}, {101, 100, "full"}, {1000, 0, "open"}, {0, 1, "calm"}} {
		if got := Level(c.use, c.limit); got != c.want {
			t.Errorf("%v of %v is %s, want %s", c.use, c.limit, got, c.want)
		}
	}
}

func TestTruths(t *testing.T) {
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	l := texts.Locale(i18n.English)
	at := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	done := at.Add(4 * time.Millisecond)
	yes, no := true, false
	share := map[string]change.Share{"v2": {Want: 0.25, Got: 0.248, Low: 0.227, High: 0.27}}
	for name, c := range map[string]struct {
		change change.Change
		want   []Stage
		say    string
	}{
		"new":       {change.Change{}, []Stage{Waiting, Waiting, Waiting}, "not recorded yet"},
		"accepted":  {change.Change{Accepted: &change.Accepted{Revision: 12, At: at}}, []Stage{Done, Waiting, Waiting}, "revision 12"},
		"under way": {change.Change{Programmed: &change.Programmed{Acked: 1, Total: 3}}, []Stage{Waiting, Waiting, Waiting}, "1 of 3 proxies"},
		"programmed": {
			change.Change{Accepted: &change.Accepted{At: at}, Programmed: &change.Programmed{Acked: 3, Total: 3, At: &done}},
			[]Stage{Done, Done, Waiting}, "after 4.0 ms",
		},
		"refused": {
			change.Change{Programmed: &change.Programmed{Acked: 2, Total: 3, At: &done, Rejected: []provider.Rejection{{Proxy: "p", Message: "no"}}}},
			[]Stage{Waiting, Bad, Waiting}, "1 refused it",
		},
		"nobody":     {change.Change{Programmed: &change.Programmed{At: &done}}, []Stage{Waiting, None, Waiting}, "no connected proxy"},
		"too little": {change.Change{Observed: &change.Observed{Window: "2s", Requests: 3, Shares: share}}, []Stage{Waiting, Waiting, Waiting}, "3 requests in 2 s"},
		"agrees":     {change.Change{Observed: &change.Observed{Window: "10s", Requests: 1480, Shares: share, Agrees: &yes}}, []Stage{Waiting, Waiting, Done}, "24.8 % of 25 % wanted"},
		"contradicts": {
			change.Change{Observed: &change.Observed{Window: "10s", Requests: 1480, Shares: share, Agrees: &no}}, []Stage{Waiting, Waiting, Bad}, "contradicts",
		},
		"reverted": {change.Change{State: change.Reverted}, []Stage{Waiting, Waiting, None}, "was not measured"},
	} {
		truths := TruthsOf(l, c.change)
		said := ""
		for i, truth := range truths.Each {
			if truth.Stage != c.want[i] {
				t.Errorf("%s: %s is %s, want %s", name, truth.Key, truth.Stage, c.want[i])
			}
			said += truth.Text + " " + truth.Note + " "
		}
		for _, s := range truths.Shares {
			said += s.Text + " "
		}
		if !strings.Contains(said, c.say) {
			t.Errorf("%s: does not say %q: %s", name, c.say, said)
		}
	}
}
