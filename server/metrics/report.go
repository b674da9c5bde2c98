package metrics

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// report is what the proxies of one mesh that report to one process have counted: a column for each statistic, since most
// statistics are zero in most places, and equal things beside each other are packed well. Times are told as how long ago they
// were. It travels as JSON, and the columns after it as plain numbers.
type report struct {
	Names   []string
	Proxies []toldProxy
	Flows   []toldFlow  // that have latencies
	Bounds  [][]float64 // of their buckets; flows share them
	sheet
}

// sheet is the numbers of a report. Of each link, those of a proxy one after the other:
type sheet struct {
	of       []uint64           // its cluster, or one of the proxy's sides, in Names
	quiet    []uint64           // 1: it has no gauges at present
	ago      []uint64           // when it was reported, in ms
	seen     []uint64           // a bit for each slot
	counters [counters][]uint64 // nil: all zero
	gauges   [gauges][]uint64
	past     []uint64 // of the links of proxies that started again: which link, and what was counted before, by slot
	buckets  []uint64 // of the flows one after the other, each one more than its bounds
}

// all lists the columns in the order in which they travel.
func (c *sheet) all() []*[]uint64 {
	list := []*[]uint64{&c.of, &c.quiet, &c.ago, &c.seen, &c.past, &c.buckets}
	for i := range c.counters {
		list = append(list, &c.counters[i])
	}
	for i := range c.gauges {
		list = append(list, &c.gauges[i])
	}
	return list
}

// toldProxy is one proxy.
type toldProxy struct {
	ID       string
	Node     string
	Gateway  bool
	Links    int
	Tenure   int
	Ago      int64   // since its newest report, in ms
	Flush    int64   // that one's time by the proxy's own clock, in ms
	Interval int64   // in ms
	Uptime   float64 // in seconds
	Timed    bool
	Whole    bool // all that it counted since it started is in the windows
	Gone     bool
}

// toldFlow is one edge, or what arrives at a node.
type toldFlow struct {
	From, To uint64 // in Names
	Bounds   int
	Born     int64
	Took     float64 // in ms
}

// The names of a proxy's sides among those of clusters.
const (
	sideHTTP = "\x00http"
	sideTCP  = "\x00tcp"
	sideOut  = "\x00out"
)

// Told is what one process tells of one mesh, as Own gives it and Heard takes it.
type Told struct {
	Mesh   string
	Report []byte
}

// Own gives what the proxies that report to this process have counted, of every mesh, for Heard of other processes. Nothing that
// was heard is in it. The first call begins to keep what is told of latencies.
func (l *Live) Own(now time.Time) []Told {
	l.mu.Lock()
	l.telling = true
	l.mu.Unlock()
	var list []Told
	for _, name := range l.Meshes() {
		w := l.find(name).tell(now.UnixMilli())
		if len(w.Proxies) > 0 || len(w.Flows) > 0 {
			list = append(list, Told{name, w.encode()})
		}
	}
	return list
}

// encode writes a report as decodeReport reads it.
func (w *report) encode() []byte {
	text, err := json.Marshal(w)
	if err != nil {
		return nil // it has nothing that JSON has not
	}
	out := append(binary.AppendUvarint(nil, uint64(len(text))), text...)
	for _, column := range w.all() {
		out = binary.AppendUvarint(out, uint64(len(*column)))
		for _, v := range *column {
			out = binary.AppendUvarint(out, v)
		}
	}
	return out
}

// tell gathers a report.
func (m *meshState) tell(now int64) *report {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.telling = true
	b := builder{
		report: &report{}, now: now, names: make(map[string]uint64),
	}
	for _, s := range m.slots {
		if s != nil && s.teller == "" && s.flush != 0 {
			b.proxy(s)
		}
	}
	b.fill()
	for _, f := range m.edges {
		b.flow(f)
	}
	for _, f := range m.nodes {
		b.flow(f)
	}
	return b.report
}

// builder makes a report.
type builder struct {
	*report
	now   int64
	names map[string]uint64
	links []*link
}

func (b *builder) name(text string) uint64 {
	i, ok := b.names[text]
	if !ok {
		i = uint64(len(b.Names))
		b.names[text] = i
		b.Names = append(b.Names, text)
	}
	return i
}

func (b *builder) proxy(s *source) {
	before := len(b.links)
	for name, k := range s.links {
		b.link(name, k)
	}
	b.link(sideHTTP, s.arriving[0])
	b.link(sideTCP, s.arriving[1])
	b.link(sideOut, s.leaving)
	b.Proxies = append(b.Proxies, toldProxy{
		ID: s.id.Proxy, Node: s.id.Node, Gateway: s.id.Gateway, Links: len(b.links) - before, Tenure: s.tenure,
		Ago: b.now - s.at, Flush: s.flush, Interval: s.interval, Uptime: s.uptime, Timed: s.timed, Whole: s.whole, Gone: s.gone,
	})
}

func (b *builder) link(name string, k *link) {
	if k == nil {
		return
	}
	k.renew()
	if k.past != nil {
		b.past = append(b.past, uint64(len(b.links)))
		for _, v := range k.past {
			b.past = append(b.past, uint64(v))
		}
	}
	quiet := uint64(0)
	if k.quiet {
		quiet = 1
	}
	b.links = append(b.links, k)
	b.of, b.quiet = append(b.of, b.name(name)), append(b.quiet, quiet)
	b.ago, b.seen = append(b.ago, uint64(max(b.now-k.at(), 0))), append(b.seen, uint64(k.seen))
}

// fill makes the columns.
func (b *builder) fill() {
	column := func(value func(*link) float64) []uint64 {
		var list []uint64
		for i, k := range b.links {
			if v := value(k); v != 0 {
				if list == nil {
					list = make([]uint64, len(b.links))
				}
				list[i] = uint64(v)
			}
		}
		return list
	}
	for s := range b.counters {
		b.counters[s] = column(func(k *link) float64 { return k.last[s] })
	}
	for s := range b.gauges {
		b.gauges[s] = column(func(k *link) float64 { return k.gauges[s] })
	}
}

func (b *builder) flow(f *flow) {
	if f.own == nil {
		return
	}
	i := slices.IndexFunc(b.Bounds, func(bounds []float64) bool { return slices.Equal(bounds, f.bounds) })
	if i < 0 {
		i = len(b.Bounds)
		b.Bounds = append(b.Bounds, f.bounds)
	}
	for _, n := range f.own.buckets {
		b.buckets = append(b.buckets, uint64(n))
	}
	b.Flows = append(b.Flows, toldFlow{From: b.name(f.from), To: b.name(f.to), Bounds: i, Born: f.own.born, Took: f.own.took})
}

// decodeReport reads a report and makes sure that all parts of it fit each other.
func decodeReport(data []byte) (*report, error) {
	r := numbers{data}
	n, ok := r.next()
	if !ok || n > uint64(len(r.data)) {
		return nil, errCut
	}
	w := &report{}
	if err := json.Unmarshal(r.data[:n], w); err != nil {
		return nil, err
	}
	r.data = r.data[n:]
	for _, column := range w.all() {
		if *column, ok = r.column(); !ok {
			return nil, errCut
		}
	}
	if !w.fits() {
		return nil, errors.New("its parts do not fit each other")
	}
	return w, nil
}

var errCut = errors.New("it ends too early")

// numbers reads numbers one after the other.
type numbers struct{ data []byte }

func (r *numbers) next() (v uint64, ok bool) {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		return 0, false
	}
	r.data = r.data[n:]
	return v, true
}

func (r *numbers) column() ([]uint64, bool) {
	n, ok := r.next()
	if !ok || n > uint64(len(r.data)) { // each takes a byte at least
		return nil, false
	}
	if n == 0 {
		return nil, true
	}
	list := make([]uint64, n)
	for i := range list {
		if list[i], ok = r.next(); !ok {
			return nil, false
		}
	}
	return list, true
}

func (w *report) fits() bool {
	n, links := len(w.of), 0
	for i := range w.Proxies {
		if w.Proxies[i].Links < 0 || w.Proxies[i].Links > n {
			return false
		}
		links += w.Proxies[i].Links
	}
	if links != n || len(w.quiet) != n || len(w.ago) != n || len(w.seen) != n {
		return false
	}
	for _, column := range slices.Concat(w.counters[:], w.gauges[:]) {
		if len(column) != 0 && len(column) != n {
			return false
		}
	}
	for i := 0; i < len(w.past); i += 1 + int(counters) {
		if w.past[i] >= uint64(n) || len(w.past)-i <= int(counters) {
			return false
		}
	}
	return !slices.ContainsFunc(w.of, w.unnamed) && w.flowsFit()
}

func (w *report) unnamed(i uint64) bool { return i >= uint64(len(w.Names)) }

func (w *report) flowsFit() bool {
	for _, bounds := range w.Bounds {
		if len(bounds) > maxBuckets || !slices.IsSorted(bounds) {
			return false
		}
	}
	buckets := 0
	for _, f := range w.Flows {
		if w.unnamed(f.From) || w.unnamed(f.To) || f.Bounds < 0 || f.Bounds >= len(w.Bounds) {
			return false
		}
		buckets += len(w.Bounds[f.Bounds]) + 1
	}
	return buckets == len(w.buckets)
}

// lives gives what links counted in the lives before this one, by link.
func (w *report) lives() map[int][]uint64 {
	out := make(map[int][]uint64, len(w.past)/(1+int(counters)))
	for row := range slices.Chunk(w.past, 1+int(counters)) {
		out[int(row[0])] = row[1:]
	}
	return out
}
