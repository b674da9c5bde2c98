package remote

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	jsoniter "github.com/json-iterator/go"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/metrics/query"
)

// envelope is what is around the data of every answer, as in https://prometheus.io/docs/prometheus/latest/querying/api/.
type envelope struct {
	status    string
	errorType string
	text      string // of an error
	warnings  []string
	infos     []string
	partial   bool // VictoriaMetrics
	data      bool // there were data
}

// What decoding can say beside jsoniter's own words.
var (
	errTruncated = errors.New("the answer ends in the middle")
	errNoData    = errors.New("the answer has no data")
	errNotAPI    = errors.New("the answer is JSON, but not of Prometheus' API: it has no status")
	errJunk      = errors.New("something follows the end of the answer")
)

// decode reads one answer to its end. The data are read by data; nil skips them.
func decode(r io.Reader, data func(*jsoniter.Iterator)) (envelope, error) {
	var e envelope
	end := &endReader{r: r}
	iter := jsoniter.Parse(jsoniter.ConfigDefault, end, 64<<10)
	iter.ReadObjectCB(func(iter *jsoniter.Iterator, field string) bool {
		switch field {
		case "status":
			e.status = iter.ReadString()
		case "errorType":
			e.errorType = iter.ReadString()
		case "error":
			e.text = iter.ReadString()
		case "warnings":
			e.warnings = readStrings(iter)
		case "infos":
			e.infos = readStrings(iter)
		case "isPartial":
			e.partial = iter.ReadBool()
		case "data":
			e.data = true
			if data != nil {
				data(iter)
				break
			}
			fallthrough
		default:
			iter.Skip()
		}
		return iter.Error == nil
	})
	if err := decodingError(iter, end); err != nil {
		return e, err
	}
	if e.status != "success" && e.status != "error" {
		return e, errNotAPI
	}
	if iter.WhatIsNext(); iter.Error == nil {
		return e, errJunk
	}
	if end.err == nil && data != nil && e.status == "success" && !e.data {
		return e, errNoData
	}
	return e, end.err
}

// decodingError tells why an iterator stopped: the wire's own error, the end of the answer, or what jsoniter disliked,
// without the piece of the answer that it appends.
func decodingError(iter *jsoniter.Iterator, end *endReader) error {
	switch {
	case iter.Error == nil:
		return nil
	case end.err != nil:
		return end.err
	case end.ended:
		return errTruncated
	}
	text, _, _ := strings.Cut(iter.Error.Error(), ", error found in")
	return errors.New(text)
}

// endReader remembers how a reader ended, which jsoniter overwrites.
type endReader struct {
	r     io.Reader
	ended bool
	err   error // other than io.EOF
}

func (e *endReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if n == 0 && errors.Is(err, io.EOF) {
		e.ended = true
	}
	if err != nil && !errors.Is(err, io.EOF) {
		e.err = err
	}
	return n, err
}

// result is what an answer to a question in PromQL is read into.
type result struct {
	answer query.Answer
	b      labels.ScratchBuilder
}

// read reads {"resultType": …, "result": …}, in either order.
func (d *result) read(iter *jsoniter.Iterator) {
	var late []byte
	typed, found := false, false
	iter.ReadObjectCB(func(iter *jsoniter.Iterator, field string) bool {
		switch field {
		case "resultType":
			d.answer.Kind, typed = query.Kind(iter.ReadString()), true
		case "result":
			found = true
			if !typed {
				late = append(late, iter.SkipAndReturnBytes()...)
				break
			}
			d.values(iter)
		default:
			iter.Skip()
		}
		return iter.Error == nil
	})
	switch {
	case iter.Error != nil:
	case !typed || !found:
		iter.ReportError("read data", "the data have no resultType or no result")
	case late != nil:
		second := jsoniter.ParseBytes(jsoniter.ConfigDefault, late)
		if d.values(second); second.Error != nil && !errors.Is(second.Error, io.EOF) {
			text, _, _ := strings.Cut(second.Error.Error(), ", error found in")
			iter.ReportError("read data", text)
		}
	}
}

func (d *result) values(iter *jsoniter.Iterator) {
	switch d.answer.Kind {
	case query.Vector:
		each(iter, func() { d.sample(iter) })
	case query.Matrix:
		each(iter, func() { d.series(iter) })
	case query.Scalar:
		d.answer.Scalar = readPoint(iter)
	case query.String:
		readPair(iter, func() { d.answer.Text = iter.ReadString() })
	default:
		iter.ReportError("read data", fmt.Sprintf("the resultType %.20q is unknown", string(d.answer.Kind)))
	}
}

func (d *result) sample(iter *jsoniter.Iterator) {
	var s query.Sample
	found := false
	iter.ReadObjectCB(func(iter *jsoniter.Iterator, field string) bool {
		switch field {
		case "metric":
			s.Labels = readLabels(iter, &d.b)
		case "value":
			s.Point, found = readPoint(iter), true
		case "histogram":
			s.Point, found = readHistogramPoint(iter), true
		default:
			iter.Skip()
		}
		return iter.Error == nil
	})
	if iter.Error == nil && !found {
		iter.ReportError("read data", "a sample has no value")
		return
	}
	d.answer.Vector = append(d.answer.Vector, s)
}

func (d *result) series(iter *jsoniter.Iterator) {
	var s query.Series
	var histograms []query.Point
	iter.ReadObjectCB(func(iter *jsoniter.Iterator, field string) bool {
		switch field {
		case "metric":
			s.Labels = readLabels(iter, &d.b)
		case "values":
			each(iter, func() { s.Points = append(s.Points, readPoint(iter)) })
		case "histograms":
			each(iter, func() { histograms = append(histograms, readHistogramPoint(iter)) })
		default:
			iter.Skip()
		}
		return iter.Error == nil
	})
	if iter.Error != nil {
		return
	}
	if !ordered(s.Points) || !ordered(histograms) {
		iter.ReportError("read data", "the values of a series are not in order of time")
		return
	}
	s.Points = merge(s.Points, histograms)
	d.answer.Matrix = append(d.answer.Matrix, s)
}

func ordered(points []query.Point) bool {
	for i := 1; i < len(points); i++ {
		if points[i].T <= points[i-1].T {
			return false
		}
	}
	return true
}

// merge joins a series' floats and histograms, which answers keep apart, in order of time.
func merge(floats, histograms []query.Point) []query.Point {
	if len(histograms) == 0 {
		return floats
	}
	all := make([]query.Point, 0, len(floats)+len(histograms))
	for len(floats) > 0 && len(histograms) > 0 {
		if floats[0].T <= histograms[0].T {
			all, floats = append(all, floats[0]), floats[1:]
		} else {
			all, histograms = append(all, histograms[0]), histograms[1:]
		}
	}
	return append(append(all, floats...), histograms...)
}

// each reads an array, of which null is an empty one.
func each(iter *jsoniter.Iterator, read func()) {
	iter.ReadArrayCB(func(iter *jsoniter.Iterator) bool {
		read()
		return iter.Error == nil
	})
}

func readStrings(iter *jsoniter.Iterator) []string {
	var all []string
	each(iter, func() { all = append(all, iter.ReadString()) })
	return all
}

// readLabels reads {"name": "value"}. A label with an empty value is one that is not there.
func readLabels(iter *jsoniter.Iterator, b *labels.ScratchBuilder) labels.Labels {
	b.Reset()
	iter.ReadMapCB(func(iter *jsoniter.Iterator, name string) bool {
		if value := iter.ReadString(); value != "" {
			b.Add(name, value)
		}
		return iter.Error == nil
	})
	b.Sort()
	ls := b.Labels()
	if name, twice := ls.HasDuplicateLabelNames(); twice && iter.Error == nil {
		iter.ReportError("read labels", fmt.Sprintf("a series has the label %.40q twice", name))
	}
	return ls
}

// readPoint reads [seconds, "value"].
func readPoint(iter *jsoniter.Iterator) query.Point {
	var p query.Point
	p.T = readPair(iter, func() { p.V = readFloat(iter) })
	return p
}

// readPair reads [seconds, …] and gives the seconds in ms.
func readPair(iter *jsoniter.Iterator, value func()) int64 {
	if !iter.ReadArray() {
		iter.ReportError("read value", "a value is not [time, value]")
		return 0
	}
	ms := math.Round(iter.ReadFloat64() * 1000)
	if !(math.Abs(ms) < 1<<53) && iter.Error == nil {
		iter.ReportError("read value", "a time is out of range")
	}
	if !iter.ReadArray() {
		iter.ReportError("read value", "a value is not [time, value]")
		return 0
	}
	value()
	if iter.ReadArray() {
		iter.ReportError("read value", "a value is not [time, value]")
	}
	return int64(ms)
}

// readFloat reads "1.5", "NaN", "+Inf".
func readFloat(iter *jsoniter.Iterator) float64 {
	text := iter.ReadStringAsSlice()
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil && iter.Error == nil {
		iter.ReportError("read value", fmt.Sprintf("%.40q is not a number", text))
	}
	return v
}
