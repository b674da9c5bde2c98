package scrape

import (
	"cmp"
	"errors"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

// The bounds of a job's times. A proxy of the live graph is read at least every MaxLiveInterval: the aggregator takes a
// longer silence than two of these for a proxy that was away, and does not count what it did meanwhile.
const (
	MinInterval     = time.Second
	MaxInterval     = time.Minute
	MaxLiveInterval = 15 * time.Second
)

// envoyPath is where Envoy's admin interface shows its statistics.
const envoyPath = "/stats/prometheus"

// Job is a group of proxies that are scraped alike. Fields left empty have the defaults that are named here.
type Job struct {
	Name string `yaml:"name"` // unique; the label job of every series
	Mesh string `yaml:"mesh"` // whose traffic the targets tell of
	// Node is the graph id of the node or gateway ("gateway/web") that all targets run beside; NodeLabel names the label
	// of a target that says it. Neither: the series themselves name both ends, and the live graph takes nothing from them.
	Node      string `yaml:"node,omitempty"`
	NodeLabel string `yaml:"nodeLabel,omitempty"`
	// ProxyLabel names the label of a target that is the proxy's identity, unique within the mesh; default: its address.
	ProxyLabel string `yaml:"proxyLabel,omitempty"`

	Targets []string          `yaml:"targets,omitempty"` // host:port
	Files   []string          `yaml:"files,omitempty"`   // paths or patterns of JSON or YAML in Prometheus' file_sd format
	DNS     []DNS             `yaml:"dns,omitempty"`
	Labels  map[string]string `yaml:"labels,omitempty"` // added to every target, unless its file says otherwise

	Scheme   string        `yaml:"scheme,omitempty"`   // http or https; default http
	Path     string        `yaml:"path,omitempty"`     // default /stats/prometheus
	Params   url.Values    `yaml:"params,omitempty"`   // default with the default path: usedonly
	Interval time.Duration `yaml:"interval,omitempty"` // default 5 s
	Timeout  time.Duration `yaml:"timeout,omitempty"`  // of a whole scrape; default four fifths of the interval
	Limits   Limits        `yaml:"limits,omitempty"`

	HTTP config.HTTPClientConfig `yaml:"http,omitempty"` // TLS, authentication, headers; redirects are never followed

	// Dialect, if it is known what the targets speak, chooses what is kept by default. Keep are regular expressions that
	// match whole names of metrics; others are dropped before they cost anything. Default: what a dialect reads.
	Dialect string   `yaml:"dialect,omitempty"`
	Keep    []string `yaml:"keep,omitempty"`
}

// DNS finds targets by name.
type DNS struct {
	Name    string        `yaml:"name"`
	Type    string        `yaml:"type,omitempty"`    // A, AAAA or SRV; default A
	Port    int           `yaml:"port,omitempty"`    // with A and AAAA
	Refresh time.Duration `yaml:"refresh,omitempty"` // default 30 s
}

// Limits bound what one target can cost. A page beyond one of them is refused as a whole, since half a page is a wrong
// page. Zero means the default.
type Limits struct {
	BodyBytes        int64 `yaml:"bodyBytes,omitempty"`        // of a page, unpacked: 16 MiB
	Samples          int   `yaml:"samples,omitempty"`          // kept of a page: 20,000
	NewSeries        int   `yaml:"newSeries,omitempty"`        // within an hour: three times the samples
	Labels           int   `yaml:"labels,omitempty"`           // of a series, the target's own included: 64
	LabelNameLength  int   `yaml:"labelNameLength,omitempty"`  // bytes: 128
	LabelValueLength int   `yaml:"labelValueLength,omitempty"` // bytes: 1,024
	Buckets          int   `yaml:"buckets,omitempty"`          // of a native histogram; finer ones are merged: 160
}

// withDefaults fills in what was left out.
func (j Job) withDefaults() Job {
	j.Scheme = cmp.Or(j.Scheme, "http")
	j.Path = cmp.Or(j.Path, envoyPath)
	if j.Path == envoyPath && j.Params == nil {
		j.Params = url.Values{"usedonly": {""}}
	}
	j.Interval = cmp.Or(j.Interval, 5*time.Second)
	j.Timeout = cmp.Or(j.Timeout, j.Interval*4/5)
	l := &j.Limits
	l.BodyBytes = cmp.Or(l.BodyBytes, 16<<20)
	l.Samples = cmp.Or(l.Samples, 20000)
	l.NewSeries = cmp.Or(l.NewSeries, 3*l.Samples)
	l.Labels = cmp.Or(l.Labels, 64)
	l.LabelNameLength = cmp.Or(l.LabelNameLength, 128)
	l.LabelValueLength = cmp.Or(l.LabelValueLength, 1024)
	l.Buckets = cmp.Or(l.Buckets, 160)
	if len(j.Keep) == 0 {
		j.Keep = keepOf(j.Dialect)
	}
	j.DNS = slices.Clone(j.DNS)
	for i := range j.DNS {
		d := &j.DNS[i]
		d.Type = cmp.Or(strings.ToUpper(d.Type), "A")
		d.Refresh = cmp.Or(d.Refresh, 30*time.Second)
	}
	// A page of numbers needs no second connection per stream, and a target has no say in where Weir connects to.
	j.HTTP.FollowRedirects, j.HTTP.EnableHTTP2 = false, false
	return j
}

// Check says what is wrong with a job, naming the field: a mesh.Error of code Invalid.
func (j Job) Check() error {
	bad := func(field, format string, args ...any) error {
		e := mesh.Errorf(mesh.Invalid, format, args...)
		return mesh.Errorf(mesh.Invalid, "scrape job %q: %s %s", j.Name, field, e.Message)
	}
	if j.Name == "" {
		return mesh.Errorf(mesh.Invalid, "a scrape job for mesh %q has no name: give it one, unique among the jobs", j.Mesh)
	}
	if j.Mesh == "" {
		return bad("mesh", "is missing: name the mesh that the targets belong to")
	}
	j = j.withDefaults()
	return cmp.Or(j.checkEnds(bad), j.checkTargets(bad), j.checkTimes(bad), j.checkLimits(bad), j.checkRequest(bad))
}

// fault makes the error for a field.
type fault func(field, format string, args ...any) error

func (j Job) checkEnds(bad fault) error {
	switch {
	case j.Node != "" && j.NodeLabel != "":
		return bad("node", "and nodeLabel are both given: keep one")
	case j.Node != "" && !validNode(j.Node):
		return bad("node", "%q is not a virtual node's name or gateway/ and a virtual gateway's", j.Node)
	case j.NodeLabel != "" && !validLabel(j.NodeLabel):
		return bad("nodeLabel", "%q is not a label name", j.NodeLabel)
	case j.ProxyLabel != "" && !validLabel(j.ProxyLabel):
		return bad("proxyLabel", "%q is not a label name", j.ProxyLabel)
	case j.Dialect != "" && keepOf(j.Dialect) == nil:
		return bad("dialect", "%q is not known: %s", j.Dialect, strings.Join(dialectNames(), ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(j.Labels)) {
		if err := checkLabel(name); err != nil {
			return bad("labels", "%w", err)
		}
	}
	return nil
}

func (j Job) checkTargets(bad fault) error {
	if len(j.Targets)+len(j.Files)+len(j.DNS) == 0 {
		return bad("targets", "are missing: give targets, files or dns")
	}
	for _, t := range j.Targets {
		if err := checkAddress(t); err != nil {
			return bad("targets", "%w", err)
		}
	}
	for i, d := range j.DNS {
		field := "dns[" + strconv.Itoa(i) + "]"
		switch {
		case d.Name == "":
			return bad(field, "has no name to look up")
		case !slices.Contains([]string{"A", "AAAA", "SRV"}, d.Type):
			return bad(field, "type %q is not A, AAAA or SRV", d.Type)
		case d.Type == "SRV" && d.Port != 0:
			return bad(field, "port: SRV records name their own ports, leave it out")
		case d.Type != "SRV" && (d.Port < 1 || d.Port > 65535):
			return bad(field, "port %d is not from 1 to 65535", d.Port)
		case d.Refresh < MinInterval:
			return bad(field, "refresh %s is less than %s", d.Refresh, MinInterval)
		}
	}
	return nil
}

func (j Job) checkTimes(bad fault) error {
	live := j.Node != "" || j.NodeLabel != ""
	switch {
	case j.Interval < MinInterval || j.Interval > MaxInterval:
		return bad("interval", "%s is not from %s to %s", j.Interval, MinInterval, MaxInterval)
	case live && j.Interval > MaxLiveInterval:
		return bad("interval", "%s is too slow for the live graph, which the job feeds since it names a node: at most %s", j.Interval, MaxLiveInterval)
	case j.Timeout < 0 || j.Timeout > j.Interval:
		return bad("timeout", "%s is not between 0 and the interval %s", j.Timeout, j.Interval)
	case j.Interval%time.Millisecond != 0 || j.Timeout%time.Millisecond != 0:
		return bad("interval", "and timeout are whole milliseconds")
	}
	return nil
}

func (j Job) checkLimits(bad fault) error {
	l := j.Limits
	switch {
	case l.BodyBytes < 1<<10 || l.BodyBytes > 1<<30:
		return bad("limits.bodyBytes", "%d is not from 1 KiB to 1 GiB", l.BodyBytes)
	case l.Buckets < 4:
		return bad("limits.buckets", "%d is less than 4", l.Buckets)
	case min(l.Samples, l.NewSeries, l.Labels, l.LabelNameLength, l.LabelValueLength) < 0:
		return bad("limits", "below zero mean nothing: leave out what shall have its default")
	case l.NewSeries < l.Samples:
		return bad("limits.newSeries", "%d is less than limits.samples %d: the first page could not be taken", l.NewSeries, l.Samples)
	}
	return nil
}

func (j Job) checkRequest(bad fault) error {
	switch {
	case j.Scheme != "http" && j.Scheme != "https":
		return bad("scheme", "%q is not http or https", j.Scheme)
	case !strings.HasPrefix(j.Path, "/") || strings.ContainsAny(j.Path, "?#"):
		return bad("path", "%q is not a path such as /metrics; a query goes to params", j.Path)
	}
	for i, k := range j.Keep {
		if _, err := regexp.Compile("^(?:" + k + ")$"); err != nil {
			return bad("keep["+strconv.Itoa(i)+"]", "%q is not a regular expression: %w", k, err)
		}
	}
	if err := j.HTTP.Validate(); err != nil {
		return bad("http", "%w", err)
	}
	return nil
}

// source is the proxy that a target is, and false when nothing says which node it runs beside.
func (j Job) source(address string, labels map[string]string) (mesh.Source, error) {
	src := mesh.Source{Mesh: j.Mesh, Proxy: address, Node: j.Node}
	if j.ProxyLabel != "" {
		if src.Proxy = labels[j.ProxyLabel]; src.Proxy == "" {
			return src, errors.New("it has no label " + j.ProxyLabel + ", which proxyLabel says is the proxy's identity: add it to the target")
		}
	}
	if j.NodeLabel != "" {
		if src.Node = labels[j.NodeLabel]; !validNode(src.Node) {
			return src, errors.New("its label " + j.NodeLabel + " is " + strconv.Quote(src.Node) + ", which nodeLabel says is the node's name: add it to the target")
		}
	}
	src.Node, src.Gateway = strings.CutPrefix(src.Node, mesh.GatewayID(""))
	return src, nil
}

// validNode says whether an id of the graph is one that proxies run beside.
func validNode(id string) bool {
	name := strings.TrimPrefix(id, mesh.GatewayID(""))
	return name != "" && !strings.Contains(name, "/")
}

func validLabel(name string) bool { return model.LegacyValidation.IsValidLabelName(name) }

// checkLabel refuses labels that would take the place of Weir's own.
func checkLabel(name string) error {
	switch name {
	case model.JobLabel, metrics.LabelMesh, metrics.LabelSourceNode, metrics.LabelProxy:
		return errors.New("may not have " + name + ", which Weir sets itself")
	}
	if !validLabel(name) || strings.HasPrefix(name, model.ReservedLabelPrefix) {
		return errors.New(strconv.Quote(name) + " is not a label name")
	}
	return nil
}

// checkAddress wants host:port.
func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	n, numeric := strconv.Atoi(port)
	if err != nil || host == "" || numeric != nil || n < 1 || n > 65535 || strings.ContainsAny(host, "/@ ") {
		return errors.New(strconv.Quote(address) + " is not host:port, as in 10.0.0.7:9901")
	}
	return nil
}
