package web

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/rogpeppe/go-internal/diff"
	"sigs.k8s.io/yaml"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/server/metrics/reading"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/ui/page"
)

// How many resources and statistics are on a page.
const (
	resourcesPage = 50
	statsPage     = 100
	papersPage    = 500
)

// expirySoon is how long before its end a certificate is pointed out: time enough to make another.
const expirySoon = 21 * 24 * time.Hour

func (w *Web) proxy(c *gin.Context) error {
	v, err := w.look(c, "proxies", "proxies.title")
	if err != nil {
		return err
	}
	id := c.Param("id")
	i := slices.IndexFunc(v.proxies, func(p provider.Proxy) bool { return p.ID == id })
	if i < 0 {
		return mesh.Errorf(mesh.NotFound, "proxy %s: mesh %s knows no such proxy: it may have been gone for some minutes", id, v.Mesh)
	}
	found := v.proxies[i]
	p := page.Proxy{Shell: v.Shell, Row: v.proxyRow(found), Tab: proxyTab(c)}
	p.Title = id
	p.CLI, p.Curl = readTwins(c, v, id, p.Tab)
	if c.Query("fragment") != "proxy" {
		if err := w.fillProxy(c, v, found, &p); err != nil {
			return err
		}
	}
	return w.render(c, http.StatusOK, page.ProxyPage(p))
}

// proxyTab is the open tab; "" for one that does not exist. A filter of statistics is enough to open theirs.
func proxyTab(c *gin.Context) string {
	tab := c.Query("tab")
	switch {
	case tab == "" && c.Query("stats") != "":
		return "stats"
	case tab == "certificates", tab == "stats", slices.Contains(provider.Types(), tab):
		return tab
	}
	return ""
}

// fillProxy reads what the open tab shows.
func (w *Web) fillProxy(c *gin.Context, v view, found provider.Proxy, p *page.Proxy) error {
	switch {
	case found.Replica != "" && p.Tab != "":
		p.Nothing = "proxy.nothing.elsewhere"
		return nil
	case p.Tab == "stats":
		p.Stats = w.statsOf(c, v, found.ID)
		return nil
	case found.State == provider.Refused:
		p.Nothing = "proxy.nothing.refused"
		return nil
	case p.Tab == "":
		return nil
	case w.Dumps == nil:
		p.Nothing = "proxy.nothing.provider"
		return nil
	case p.Tab == "certificates":
		return w.papersOf(v, found.ID, p)
	}
	if name := c.Query("resource"); name != "" {
		return w.oneResource(v, found.ID, name, p)
	}
	ask := provider.Ask{Type: p.Tab, Text: strings.TrimSpace(c.Query("q")), Offset: start(c, resourcesPage), Limit: resourcesPage}
	d, err := w.Dumps.Dump(v.Mesh, found.ID, ask)
	if err != nil {
		return err
	}
	p.Sheet = &page.Sheet{Dump: d, Query: ask.Text, List: leaf(ask.Offset, resourcesPage, d.Total), Members: v.members(found, d)}
	return nil
}

// members says of clusters how many endpoints are healthy, as the proxies of the same node count.
func (v view) members(p provider.Proxy, d provider.Dump) map[string]string {
	from := p.Node
	if p.Gateway != "" {
		from = mesh.GatewayID(p.Gateway)
	}
	to := make(map[string]string)
	for _, e := range v.graph.Edges {
		if e.From == from && e.Members > 0 {
			to[e.To] = v.L.T("proxy.members", "healthy", v.L.Number(e.Healthy), "all", v.L.Number(e.Members))
		}
	}
	words := make(map[string]string)
	for _, r := range d.Resources {
		if node, ingress, ok := mesh.ClusterNode(v.Mesh, r.Name); ok && !ingress && to[node] != "" {
			words[r.Name] = to[node]
		}
	}
	return words
}

// oneResource shows a resource in full.
func (w *Web) oneResource(v view, id, name string, p *page.Proxy) error {
	d, err := w.Dumps.Dump(v.Mesh, id, provider.Ask{Type: p.Tab, Name: name, Raw: true})
	if err != nil {
		return err
	}
	if len(d.Resources) == 0 {
		return mesh.Errorf(mesh.NotFound, "proxy %s has no %s %s: it may have been taken away meanwhile", id, p.Tab, shorten(name))
	}
	r := d.Resources[0]
	one := &page.Single{Resource: r, Type: p.Tab, Back: v.Href("/proxies/"+url.PathEscape(id), "tab", p.Tab)}
	if one.YAML, err = yamlText(r.Raw); err != nil {
		return err
	}
	if len(r.RunningRaw) > 0 {
		running, err := yamlText(r.RunningRaw)
		if err != nil {
			return err
		}
		one.Diff = textDiff(v.L.T("col.runs")+" "+short(r.Running), running, v.L.T("col.wanted")+" "+short(r.Wanted), one.YAML)
	}
	if node, _, ok := mesh.ClusterNode(v.Mesh, r.Name); ok {
		ref := mesh.Ref{Kind: mesh.KindNode, Name: node}
		if _, exists := v.current.Mesh.Get(ref); exists {
			one.Object, one.Of = v.ConfigHref(ref), ref.String()
		}
	}
	p.One = one
	return nil
}

// yamlText writes JSON as YAML; no JSON is no text.
func yamlText(data []byte) (string, error) {
	if len(data) == 0 {
		return "", nil
	}
	text, err := yaml.JSONToYAML(data)
	if err != nil {
		return "", mesh.Errorf(mesh.Internal, "write a resource as YAML: %w", err)
	}
	return string(text), nil
}

// textDiff is a unified diff of two named texts.
func textDiff(from, old, to, now string) string {
	_, rest, _ := strings.Cut(string(diff.Diff(from, []byte(old), to, []byte(now))), "\n") // the first line is for commands
	return rest
}

// papersOf lists what a proxy's listeners and clusters refer to for encryption.
func (w *Web) papersOf(v view, id string, p *page.Proxy) error {
	list := page.Papers{}
	for _, kind := range []string{"listener", "cluster"} {
		all, err := w.Dumps.Dump(v.Mesh, id, provider.Ask{Type: kind, Limit: 1})
		if err != nil {
			return err
		}
		secure, err := w.Dumps.Dump(v.Mesh, id, provider.Ask{Type: kind, Secure: true, Limit: papersPage})
		if err != nil {
			return err
		}
		list.Plain += all.Total - secure.Total
		for _, r := range secure.Resources {
			for _, cert := range r.Certificates {
				list.Rows = append(list.Rows, v.paper(*p, kind, r.Name, cert))
			}
		}
	}
	slices.SortStableFunc(list.Rows, func(a, b page.Paper) int {
		if a.NotAfter.IsZero() != b.NotAfter.IsZero() { // those whose end is known first
			if a.NotAfter.IsZero() {
				return 1
			}
			return -1
		}
		return a.NotAfter.Compare(b.NotAfter)
	})
	p.Papers = &list
	return nil
}

func (v view) paper(p page.Proxy, kind, name string, cert provider.Certificate) page.Paper {
	row := page.Paper{Certificate: cert, Type: kind, Resource: name, Href: p.ResourceHref(kind, name), Level: "calm"}
	if cert.NotAfter.IsZero() {
		return row
	}
	left := cert.NotAfter.Sub(v.Now)
	switch {
	case left <= 0:
		row.Left, row.Level = v.L.T("cert.expired"), "high"
	default:
		row.Left = v.L.T("cert.left", "time", v.L.Age(left))
		if left < expirySoon {
			row.Level = "raised"
		}
	}
	return row
}

// statsOf reads what a proxy reported lately. A store that cannot answer is said on the page: the rest of it is right.
func (w *Web) statsOf(c *gin.Context, v view, id string) *page.Stats {
	s := &page.Stats{Query: strings.TrimSpace(c.Query("stats"))}
	if w.Stats == nil {
		s.Off = true
		return s
	}
	store, err := w.Stats()
	if err != nil {
		s.Off, s.Problem = query.FaultOf(err) == query.Unavailable, err.Error()
		return s
	}
	from := start(c, statsPage)
	found, err := reading.Of(c.Request.Context(), store, reading.Ask{
		Mesh: v.Mesh, Proxy: id, Text: s.Query, Offset: from, Limit: statsPage, At: v.Now,
	})
	if err != nil {
		s.Problem = "the store of metrics cannot answer: " + err.Error()
		if e, ok := errors.AsType[*query.Error](err); ok {
			s.Problem = e.Error()
		}
		return s
	}
	s.Total, s.All, s.List = found.Total, found.All, leaf(from, statsPage, found.Total)
	for _, each := range found.Stats {
		s.Rows = append(s.Rows, page.Stat{Name: each.Name, Labels: labelWords(each.Labels), Value: each.Value, Rate: each.Rate, Mean: each.Mean})
	}
	return s
}

// labelWords writes a statistic's labels as they are queried.
func labelWords(labels map[string]string) string {
	words := make([]string, 0, len(labels))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		words = append(words, name+"="+strconv.Quote(labels[name]))
	}
	return strings.Join(words, ", ")
}

// readTwins is how a tab is read without the console.
func readTwins(c *gin.Context, v view, id, tab string) (cli, curl string) {
	words := []string{"weir", "proxies", "show", page.ShellWord(id)}
	path := "/api/v1/meshes/" + url.PathEscape(v.Mesh) + "/proxies/" + url.PathEscape(id)
	paths := []string{path}
	switch {
	case tab == "stats":
		filter := strings.TrimSpace(c.Query("stats"))
		words, paths[0] = append(words, "--stats", page.ShellWord(filter)), path+"/stats"
		if filter != "" {
			paths[0] += "?filter=" + url.QueryEscape(filter)
		}
	case tab == "certificates":
		words = append(words, "--certificates")
		paths = []string{path + "/config?type=listener&secure=true", path + "/config?type=cluster&secure=true"}
	case tab != "":
		words, paths[0] = append(words, "--type", tab+"s"), path+"/config?type="+tab
		if text := strings.TrimSpace(c.Query("q")); text != "" {
			words, paths[0] = append(words, "--filter", page.ShellWord(text)), paths[0]+"&q="+url.QueryEscape(text)
		}
		if name := c.Query("resource"); name != "" {
			words, paths[0] = append(words, "--name", page.ShellWord(name), "-o", "yaml"), paths[0]+"&raw=true&resource="+url.QueryEscape(name)
		}
	}
	for i, each := range paths {
		paths[i] = `curl "$WEIR_URL"` + page.ShellWord(each)
	}
	return strings.Join(append(words, "--mesh", page.ShellWord(v.Mesh)), " "), strings.Join(paths, "\n")
}

// start is how many entries of a list are left out before the page that is asked for.
func start(c *gin.Context, size int) int {
	n, err := strconv.Atoi(c.Query("page"))
	if err != nil || n < 1 || n > 1_000_000 {
		return 0
	}
	return (n - 1) * size
}

// leaf says which page of a list is shown that begins after some entries.
func leaf(from, size, total int) page.Listing {
	return page.Listing{
		Page: from/size + 1, Pages: (total + size - 1) / size, From: min(from+1, total), To: min(from+size, total), Matches: total, Total: total,
	}
}
