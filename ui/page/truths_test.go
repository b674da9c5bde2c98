package page

import (
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/i18n"
)

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
		want   []component.Stage
		say    string
	}{
		"new":       {change.Change{}, []component.Stage{component.Waiting, component.Waiting, component.Waiting}, "not recorded yet"},
		"accepted":  {change.Change{Accepted: &change.Accepted{Revision: 12, At: at}}, []component.Stage{component.Done, component.Waiting, component.Waiting}, "revision 12"},
		"under way": {change.Change{Programmed: &change.Programmed{Acked: 1, Total: 3}}, []component.Stage{component.Waiting, component.Waiting, component.Waiting}, "1 of 3 proxies"},
		"programmed": {
			change.Change{Accepted: &change.Accepted{At: at}, Programmed: &change.Programmed{Acked: 3, Total: 3, At: &done}},
			[]component.Stage{component.Done, component.Done, component.Waiting},
			"after 4.0 ms",
		},
		"refused": {
			change.Change{Programmed: &change.Programmed{Acked: 2, Total: 3, At: &done, Rejected: []provider.Rejection{{Proxy: "p", Message: "no"}}}},
			[]component.Stage{component.Waiting, component.Bad, component.Waiting},
			"1 refused it",
		},
		"nobody":     {change.Change{Programmed: &change.Programmed{At: &done}}, []component.Stage{component.Waiting, component.None, component.Waiting}, "no connected proxy"},
		"too little": {change.Change{Observed: &change.Observed{Window: "2s", Requests: 3, Shares: share}}, []component.Stage{component.Waiting, component.Waiting, component.Waiting}, "3 requests in 2 s"},
		"agrees":     {change.Change{Observed: &change.Observed{Window: "10s", Requests: 1480, Shares: share, Agrees: &yes}}, []component.Stage{component.Waiting, component.Waiting, component.Done}, "24.8 % of 25 % wanted"},
		"contradicts": {
			change.Change{Observed: &change.Observed{Window: "10s", Requests: 1480, Shares: share, Agrees: &no}}, []component.Stage{component.Waiting, component.Waiting, component.Bad}, "contradicts",
		},
		"reverted": {change.Change{State: change.Reverted}, []component.Stage{component.Waiting, component.Waiting, component.None}, "was not measured"},
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
