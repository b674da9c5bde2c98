package scrape

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/weirmesh/weir/server/metrics/query"
)

// addresses are those that are scraped well, as host:port.
func addresses(s *Scraper) []string {
	var list []string
	for _, t := range s.Targets() {
		if t.State == query.OK {
			list = append(list, t.Labels["instance"])
		}
	}
	slices.Sort(list)
	return list
}

// wellAre waits until exactly these are scraped, and nothing else is wrong.
func wellAre(t *testing.T, s *Scraper, want ...string) {
	t.Helper()
	slices.Sort(want)
	eventually(t, fmt.Sprintf("%v are scraped", want), func() bool {
		return slices.Equal(addresses(s), want) && len(s.Targets()) == len(want)
	})
}

// errorOf waits until something that is no good target says all the words.
func errorOf(t *testing.T, s *Scraper, words ...string) {
	t.Helper()
	eventually(t, "somebody says "+strings.Join(words, ", "), func() bool {
		return slices.ContainsFunc(s.Targets(), func(x query.Target) bool {
			return x.State == query.Down && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(x.URL+" "+x.Error, w) })
		})
	})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func up() string { return rq + "} 1\n" }

func TestFiles(t *testing.T) {
	t.Parallel()
	a, b := pages(t, up), pages(t, up)
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.json"), filepath.Join(dir, "two.yaml")
	j := quick("files")
	j.Node, j.NodeLabel, j.ProxyLabel = "", "service", "pod"
	j.Files = []string{filepath.Join(dir, "*.json"), filepath.Join(dir, "*.yaml")}
	s := begin(t, Options{Jobs: []Job{j}})
	write(t, one, fmt.Sprintf(`[{"targets": [%q], "labels": {"service": "cart", "pod": "cart-1"}}]`, a))
	wellAre(t, s, a)
	if got := target(s, "files"); got.Node != "cart" || got.Proxy != "cart-1" || got.Labels["service"] != "cart" {
		t.Errorf("%+v", got)
	}
	write(t, two, fmt.Sprintf("- targets: [%q, \"nowhere\"]\n  labels: {service: gateway/web, pod: web-1}\n", b))
	eventually(t, "the second is scraped", func() bool { return len(addresses(s)) == 2 })
	errorOf(t, s, "nowhere", "host:port")
	write(t, two, fmt.Sprintf("- targets: [%q]\n  labels: {pod: web-1}\n", b))
	errorOf(t, s, b, "no", "nodeLabel")
	write(t, two, "- targets: [") // half written: what it said before stays
	errorOf(t, s, two, "not a list")
	if err := os.Remove(two); err != nil {
		t.Fatal(err)
	}
	wellAre(t, s, a)
	write(t, one, `[{"targets": []}]`)
	wellAre(t, s)
}

func TestFileMissing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none.json")
	j := quick("files")
	j.Files = []string{path}
	s := begin(t, Options{Jobs: []Job{j}})
	errorOf(t, s, path, "no such file")
	a := pages(t, up)
	write(t, path, fmt.Sprintf(`[{"targets": [%q]}]`, a))
	wellAre(t, s, a)
}

func TestDNS(t *testing.T) {
	t.Parallel()
	a := pages(t, up)
	host, text, _ := net.SplitHostPort(a)
	port, _ := strconv.Atoi(text)
	z := &zone{hosts: map[string][]string{"target.test": {host}}, service: map[string][]net.SRV{"_envoy._tcp.mesh.test": {{Target: "target.test.", Port: uint16(port)}}}}
	byName, bySRV, none := quick("a"), quick("srv"), quick("none")
	byName.DNS = []DNS{{Name: "cart.test.", Port: port, Refresh: time.Second}}
	bySRV.DNS = []DNS{{Name: "_envoy._tcp.mesh.test.", Type: "srv", Refresh: time.Second}}
	none.DNS = []DNS{{Name: "none.test.", Type: "AAAA", Port: port, Refresh: time.Second}}
	s := begin(t, Options{Jobs: []Job{byName, bySRV, none}, Resolver: nameserver(t, z)})
	errorOf(t, s, "none.test", "does not resolve")
	errorOf(t, s, "cart.test", "does not resolve")
	eventually(t, "the service's target is scraped", func() bool {
		return slices.Equal(addresses(s), []string{"target.test:" + text})
	})
	z.set("cart.test", host)
	eventually(t, "the name's target is scraped", func() bool { return target(s, "a").State == query.OK })
	z.set("cart.test")
	errorOf(t, s, "cart.test", "stay")
	if !slices.Contains(addresses(s), a) {
		t.Error("targets are lost with the name server's answer")
	}
}

// TestTwoPorts looks one name up for two ports: neither set of targets replaces the other.
func TestTwoPorts(t *testing.T) {
	t.Parallel()
	a, b := pages(t, up), pages(t, up)
	j := quick("a")
	for _, address := range []string{a, b} {
		_, text, _ := net.SplitHostPort(address)
		port, _ := strconv.Atoi(text)
		j.DNS = append(j.DNS, DNS{Name: "cart.test.", Port: port, Refresh: time.Minute})
	}
	z := &zone{hosts: map[string][]string{"cart.test": {"127.0.0.1"}}}
	wellAre(t, begin(t, Options{Jobs: []Job{j}, Resolver: nameserver(t, z)}), a, b)
}

// TestReload changes jobs while others go on, and looks at the metrics about them.
func TestReload(t *testing.T) {
	t.Parallel()
	a, b := pages(t, up), pages(t, up)
	registry := prometheus.NewRegistry()
	s := begin(t, Options{Jobs: []Job{quick("one", a)}, Registerer: registry})
	wellAre(t, s, a)
	if err := s.Reload([]Job{quick("one", a), {Name: "two"}}); err == nil || !strings.Contains(err.Error(), `"two"`) {
		t.Errorf("a wrong job: %v", err)
	}
	if err := s.Reload([]Job{quick("one", a), quick("two", b)}); err != nil {
		t.Fatal(err)
	}
	wellAre(t, s, a, b)
	if n := gauges(t, registry)["weir_scrape_up one "+a]; n != 1 {
		t.Errorf("weir_scrape_up is %v", n)
	}
	changed := quick("one", b)
	changed.Mesh = "other"
	if err := s.Reload([]Job{changed}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the job is another", func() bool {
		list := s.Targets()
		return len(list) == 1 && list[0].State == query.OK && list[0].Mesh == "other"
	})
	if got := gauges(t, registry); got["weir_scrape_samples one "+b] != 1 || got["weir_scrape_page_bytes one "+b] == 0 || len(got) != 6 {
		t.Errorf("%v", got)
	}
}

// gauges reads the metrics by name, job and instance.
func gauges(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	list := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			of := func(name string) string {
				i := slices.IndexFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == name })
				return m.GetLabel()[i].GetValue()
			}
			list[f.GetName()+" "+of("job")+" "+of("instance")] = m.GetGauge().GetValue()
		}
	}
	return list
}
