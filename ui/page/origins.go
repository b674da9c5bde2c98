package page

import (
	"github.com/weirmesh/weir/ui/component"
)

// Origins is where the numbers come from: proxies that push, the store that is built in, other people's stores, and
// what is scraped.
type Origins struct {
	Shell
	Replicas *Replicas // nil: not known
	Pushing  Sources
	Series   int // that proxies send beyond their limit and that are not kept
	Store    *StoreCard
	Remotes  []Origin
	Targets  []TargetRow
	Counts   []Link // of targets by state, as filters
	Filter   string // a state, "" for all
	Scrapes  bool   // false: nothing here scrapes
	Total    int    // of targets
}

// scrapeExample adds a target, as the configuration file of the server has it.
const scrapeExample = `# weir serve --config weir.yaml
scrape:
  - name: storefront
    mesh: shop
    node: storefront
    targets: [10.0.0.5:9901]`

// Origin is one place that metrics are read from.
type Origin struct {
	Name, Kind string
	URL        string
	Meshes     []string
	State      string
	Message    string // in English
	Answered   string // how long ago
	Latency    float64
	Partial    bool
	Dialects   []Dialect
}

// Dialect is what was looked for in a source.
type Dialect struct {
	Name   string
	Used   bool
	Series int
	Why    string // in English
}

// StoreCard is the store that is built in.
type StoreCard struct {
	Origin
	Series, SeriesLimit int
	Bytes, MaxBytes     int64
	Retention           string
	Since, SinceMoment  string
	Step                string
	Samples             uint64
	Dropped, Refused    uint64
}

// TargetRow is one address that is scraped.
type TargetRow struct {
	URL, Job, Proxy string
	Of              component.LinkTo // the node or gateway that it stands for
	State           string
	Error           string // in English
	Last            string // how long ago
	Took            float64
	Interval        string
	Samples         int
	Dropped         int
	Bytes           int
	Format          string
	Labels          string
}

// split tells the dialects that are used from those that were only looked for.
func (o Origin) split() (used, others []Dialect) {
	for _, d := range o.Dialects {
		if d.Used {
			used = append(used, d)
		} else {
			others = append(others, d)
		}
	}
	return used, others
}

func (s StoreCard) full() string { return component.Level(float64(s.Series), float64(s.SeriesLimit)) }

// stateIcon is the shape beside a source's or a target's state.
func stateIcon(state string) string {
	switch state {
	case "ok":
		return "done"
	case "degraded":
		return "warn"
	case "down":
		return "bad"
	}
	return "wait"
}

func droppedLevel(n uint64) string {
	if n > 0 {
		return "raised"
	}
	return "calm"
}
