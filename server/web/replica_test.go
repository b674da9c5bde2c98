package web_test

import (
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/weirmesh/weir/server/provider"
)

// A proxy at another replica is listed with that one's name, and its page says where what is missing here is to be seen.
func TestProxyElsewhere(t *testing.T) {
	w := crowded(8)
	const name = `weir-2 <img onerror=alert(1)>`
	w.proxies["crowd"][1].Replica = name
	b := open(t, w)
	words := func(address string) map[string]string {
		out := make(map[string]string)
		b.get(address, 200).Find("[data-testid=replica], [data-testid=nothing]").Each(func(_ int, s *goquery.Selection) {
			id, _ := s.Attr("data-testid")
			out[id] += strings.TrimSpace(s.Text())
		})
		return out
	}
	if got := words("/proxies?mesh=crowd")["replica"]; got != "Connected to replica "+name {
		t.Errorf("the list says %q", got)
	}
	if got := words("/proxies/proxy-service-001?mesh=crowd"); got["replica"] != name || got["nothing"] != "" {
		t.Errorf("the page says %q", got)
	}
	for _, tab := range append(provider.Types(), "certificates", "stats") {
		if got := words("/proxies/proxy-service-001?mesh=crowd&tab=" + tab)["nothing"]; !strings.Contains(got, name) {
			t.Errorf("tab %s says %q, want where it is", tab, got)
		}
	}
	if got := words("/proxies/proxy-service-000?mesh=crowd"); len(got) != 0 {
		t.Errorf("of a proxy here: %q", got)
	}
}
