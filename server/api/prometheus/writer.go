package prometheus

import (
	"compress/gzip"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/metrics/query"
)

// Sizes in bytes: from where on an answer is compressed, and how much of it is gathered before it is sent.
const (
	compressFrom = 4 << 10
	gather       = 64 << 10
)

// writer writes JSON in Prometheus' shapes. Numbers of samples are text, since JSON has no NaN.
type writer struct {
	buf     []byte
	started bool
	begin   func(size int) io.Writer // where to, once it is known how much there is at least
	to      io.Writer
	err     error // of the connection; what is left is not written
}

// succeed writes an answer.
func (h *Handler) succeed(rw http.ResponseWriter, r *http.Request, d data) {
	var zip *gzip.Writer
	header := rw.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Vary", "Accept-Encoding")
	w := &writer{buf: make([]byte, 0, 4<<10), begin: func(size int) io.Writer {
		if size < compressFrom || !accepts(r) {
			return rw
		}
		header.Set("Content-Encoding", "gzip")
		zip, _ = h.writers.Get().(*gzip.Writer)
		zip.Reset(rw)
		return zip
	}}
	w.raw(`{"status":"success","data":`)
	d.write(w)
	w.notes(`,"warnings":`, d.warnings)
	w.notes(`,"infos":`, d.infos)
	w.raw("}")
	w.flush()
	if zip != nil {
		_ = zip.Close() // the one who asked went away; nobody is left to be told
		h.writers.Put(zip)
	}
}

// refuse writes an error.
func refuse(rw http.ResponseWriter, err error) {
	fault := faultOf(err)
	w := &writer{begin: func(int) io.Writer { return rw }}
	rw.Header().Set("Content-Type", "application/json")
	if fault == query.Unavailable {
		rw.Header().Set("Retry-After", "1")
	}
	rw.WriteHeader(statusOf(fault))
	w.object(field{"status", "error"}, field{"errorType", string(fault)}, field{"error", err.Error()})
	w.flush()
}

// accepts says whether who asks reads gzip.
func accepts(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.ReplaceAll(q, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// flush sends what is gathered.
func (w *writer) flush() {
	if !w.started {
		w.started = true
		w.to = w.begin(len(w.buf))
	}
	if w.err == nil {
		_, w.err = w.to.Write(w.buf)
	}
	w.buf = w.buf[:0]
}

// breathe sends what is gathered when it is enough.
func (w *writer) breathe() {
	if len(w.buf) >= gather {
		w.flush()
	}
}

func (w *writer) raw(s string) { w.buf = append(w.buf, s...) }

// list writes n items.
func (w *writer) list(n int, item func(i int)) {
	w.raw("[")
	for i := range n {
		if i > 0 {
			w.raw(",")
		}
		item(i)
		w.breathe()
	}
	w.raw("]")
}

// notes writes a list that is left out when it is empty.
func (w *writer) notes(key string, list []string) {
	if len(list) > 0 {
		w.raw(key)
		w.list(len(list), func(i int) { w.text(list[i]) })
	}
}

// field is a member of an object whose value is text.
type field struct{ key, value string }

func (w *writer) object(fields ...field) {
	w.raw("{")
	for i, f := range fields {
		if i > 0 {
			w.raw(",")
		}
		w.text(f.key)
		w.raw(":")
		w.text(f.value)
	}
	w.raw("}")
}

// answer writes an answer with its type.
func (w *writer) answer(a query.Answer) {
	w.raw(`{"resultType":`)
	w.text(string(a.Kind))
	w.raw(`,"result":`)
	switch a.Kind {
	case query.Vector:
		w.list(len(a.Vector), func(i int) { w.sample(a.Vector[i]) })
	case query.Matrix:
		w.list(len(a.Matrix), func(i int) { w.series(a.Matrix[i]) })
	case query.Scalar:
		w.raw("[")
		w.seconds(a.Scalar.T)
		w.raw(",")
		w.float(a.Scalar.V)
		w.raw("]")
	case query.String:
		w.raw("[")
		w.seconds(a.Scalar.T)
		w.raw(",")
		w.text(a.Text)
		w.raw("]")
	default:
		w.raw("[]")
	}
	w.raw("}")
}

func (w *writer) sample(s query.Sample) {
	w.raw(`{"metric":`)
	w.labels(s.Labels)
	if s.H != nil {
		w.raw(`,"histogram":`)
	} else {
		w.raw(`,"value":`)
	}
	w.point(s.Point)
	w.raw("}")
}

// series writes a series: its numbers, and then its histograms.
func (w *writer) series(s query.Series) {
	w.raw(`{"metric":`)
	w.labels(s.Labels)
	w.points(`,"values":[`, s.Points, false)
	w.points(`,"histograms":[`, s.Points, true)
	w.raw("}")
}

// points writes those points that are histograms, or those that are not; nothing when there are none.
func (w *writer) points(begin string, points []query.Point, histograms bool) {
	first := true
	for _, p := range points {
		if (p.H != nil) != histograms {
			continue
		}
		if first {
			w.raw(begin)
		} else {
			w.raw(",")
		}
		first = false
		w.point(p)
		w.breathe()
	}
	if !first {
		w.raw("]")
	}
}

func (w *writer) point(p query.Point) {
	w.raw("[")
	w.time(p.T)
	w.raw(",")
	if p.H != nil {
		w.histogram(p.H)
	} else {
		w.float(p.V)
	}
	w.raw("]")
}

// time writes milliseconds as seconds, with three digits or none behind the point.
func (w *writer) time(ms int64) {
	if ms < 0 {
		w.raw("-")
		ms = -ms
	}
	w.buf = strconv.AppendInt(w.buf, ms/1000, 10)
	if rest := ms % 1000; rest != 0 {
		w.buf = append(w.buf, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	}
}

// seconds writes milliseconds as seconds without zeros at the end, as Prometheus does beside scalars and strings.
func (w *writer) seconds(ms int64) {
	w.buf = strconv.AppendFloat(w.buf, float64(ms)/1000, 'f', -1, 64)
}

// float writes a number as text, as Prometheus does: as a decimal fraction as long as that can be read.
func (w *writer) float(v float64) {
	form := byte('f')
	if size := math.Abs(v); size != 0 && (size < 1e-6 || size >= 1e21) {
		form = 'e'
	}
	w.raw(`"`)
	w.buf = strconv.AppendFloat(w.buf, v, form, -1, 64)
	w.raw(`"`)
}

// histogram writes count, sum and the buckets that are not empty, each with which of its bounds belong to it: 0 the
// upper, 1 the lower, 2 neither, 3 both.
func (w *writer) histogram(h *histogram.FloatHistogram) {
	w.raw(`{"count":`)
	w.float(h.Count)
	w.raw(`,"sum":`)
	w.float(h.Sum)
	begin := `,"buckets":[[`
	for it := h.AllBucketIterator(); it.Next(); {
		b := it.At()
		if b.Count == 0 {
			continue
		}
		w.raw(begin)
		begin = `,[`
		switch {
		case b.LowerInclusive && b.UpperInclusive:
			w.raw("3,")
		case b.LowerInclusive:
			w.raw("1,")
		case b.UpperInclusive:
			w.raw("0,")
		default:
			w.raw("2,")
		}
		w.float(b.Lower)
		w.raw(",")
		w.float(b.Upper)
		w.raw(",")
		w.float(b.Count)
		w.raw("]")
	}
	if begin == `,[` {
		w.raw("]")
	}
	w.raw("}")
}

func (w *writer) labels(l labels.Labels) {
	w.raw("{")
	first := true
	l.Range(func(one labels.Label) {
		if !first {
			w.raw(",")
		}
		first = false
		w.text(one.Name)
		w.raw(":")
		w.text(one.Value)
	})
	w.raw("}")
}

// text writes a string. What is no UTF-8 becomes the replacement character.
func (w *writer) text(s string) {
	w.raw(`"`)
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				w.raw(s[from:i])
				w.raw("\ufffd")
				from = i + 1
			}
			i += size
			continue
		}
		if c < ' ' || c == '"' || c == '\\' {
			w.raw(s[from:i])
			from = i + 1
			w.escape(c)
		}
		i++
	}
	w.raw(s[from:])
	w.raw(`"`)
}

func (w *writer) escape(c byte) {
	switch c {
	case '"', '\\':
		w.buf = append(w.buf, '\\', c)
	case '\n':
		w.raw(`\n`)
	case '\r':
		w.raw(`\r`)
	case '\t':
		w.raw(`\t`)
	default:
		const digits = "0123456789abcdef"
		w.buf = append(w.buf, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
	}
}
