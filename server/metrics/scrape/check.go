package scrape

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/relabel"

	"github.com/weirmesh/weir/server/mesh"
)

// Report is what one look at a target found.
type Report struct {
	URL         string        `json:"url"`
	Took        time.Duration `json:"took"`
	Format      string        `json:"format"` // protobuf or text
	ContentType string        `json:"contentType"`
	Bytes       int           `json:"bytes"`    // of the page, unpacked
	Families    int           `json:"families"` // names of metrics
	Samples     int           `json:"samples"`  // series; a histogram is one
	Kept        int           `json:"kept"`     // of them, what the job keeps
	Native      int           `json:"native"`   // native histograms
	// Dialects are what the page speaks, by the names that prove it.
	Dialects []Heard `json:"dialects"`
	// Problems are what of the page would not be taken, and what to do.
	Problems []string `json:"problems,omitempty"`
}

// Heard is a dialect and the names of its metrics that were on the page.
type Heard struct {
	Dialect string   `json:"dialect"`
	Anchors []string `json:"anchors"`
}

// CheckTarget reads a target's page once and says what is on it. The error, a mesh.Error of code Invalid for the job and
// Unavailable for the target, says why there is no page and what to do.
func CheckTarget(ctx context.Context, job Job, address string) (Report, error) {
	if err := job.Check(); err != nil {
		return Report{}, err
	}
	if err := checkAddress(address); err != nil {
		return Report{}, mesh.Errorf(mesh.Invalid, "target %w", err)
	}
	j := job.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, j.Timeout)
	defer cancel()
	u := url.URL{Scheme: j.Scheme, Host: address, Path: j.Path, RawQuery: j.Params.Encode()}
	r := Report{URL: u.String()}
	w := newWire(context.WithoutCancel(ctx), j.Limits.BodyBytes) // the request ends its connection itself
	start := time.Now()
	body, header, err := fetch(ctx, j, u.String(), w)
	r.Took = time.Since(start)
	if err == nil {
		r.Bytes, r.ContentType = len(body), header.Get("Content-Type")
		r.Format = formatOf(r.ContentType)
		err = r.read(body, header, j)
	}
	if err != nil {
		a := w.newest(address)
		a.contentType = header.Get("Content-Type")
		return r, mesh.Errorf(mesh.Unavailable, "target %s: %s", r.URL, explain(err, j, address, a))
	}
	return r, nil
}

// fetch reads the page as the scraping library does.
func fetch(ctx context.Context, j Job, address string, w *wire) ([]byte, http.Header, error) {
	client, err := config.NewClientFromConfig(j.HTTP, j.Name, config.WithDialContextFunc(w.dial), config.WithUserAgent("weir"), config.WithKeepAlivesDisabled())
	if err != nil {
		return nil, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeProtoDelim))+";q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.1")
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was only read from
	if resp.StatusCode != http.StatusOK {
		return nil, resp.Header, fmt.Errorf("server returned HTTP status %s", resp.Status)
	}
	var in io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if in, err = gzip.NewReader(resp.Body); err != nil {
			return nil, resp.Header, err
		}
	}
	body, err := io.ReadAll(io.LimitReader(in, j.Limits.BodyBytes))
	if err == nil && int64(len(body)) >= j.Limits.BodyBytes {
		err = errEndless
	}
	return body, resp.Header, err
}

// read decodes the page and takes stock.
func (r *Report) read(body []byte, header http.Header, j Job) error {
	format := expfmt.ResponseFormat(header)
	if format.FormatType() == expfmt.TypeUnknown {
		return errors.New("unsupported Content-Type")
	}
	keep, err := relabel.NewRegexp(strings.Join(j.Keep, "|"))
	if err != nil {
		return err
	}
	names := make(map[string]bool)
	s := stock{limits: j.Limits, problems: make(map[string]bool)}
	decoder := expfmt.NewDecoder(strings.NewReader(string(body)), format)
	for {
		var f dto.MetricFamily
		if err := decoder.Decode(&f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return errors.New(err.Error()) // an end within the page is not the end of a connection
		}
		names[f.GetName()] = true
		kept := keep.MatchString(f.GetName())
		for _, m := range f.GetMetric() {
			r.Samples++
			if kept {
				r.Kept++
				s.take(f.GetName(), m)
			}
			if h := m.GetHistogram(); h != nil && h.Schema != nil {
				r.Native++
			}
		}
	}
	r.Families = len(names)
	r.Dialects = hear(names)
	s.total(r)
	r.Problems = s.list
	return nil
}

// hear finds the dialects whose anchors are among the names.
func hear(names map[string]bool) []Heard {
	list := []Heard{}
	for _, sp := range speeches() {
		if slices.Contains([]string{"kuma", "consul"}, sp.dialect) {
			continue // their names are Envoy's; labels, not names, tell them apart
		}
		var found []string
		for _, a := range sp.anchors {
			if names[a] || names[a+"_total"] || names[strings.TrimSuffix(a, "_total")] {
				found = append(found, a)
			}
		}
		if found != nil {
			list = append(list, Heard{sp.dialect, found})
		}
	}
	return list
}

// stock collects what exceeds the limits, each kind once.
type stock struct {
	limits   Limits
	problems map[string]bool
	list     []string
}

func (s *stock) say(kind, format string, args ...any) {
	if !s.problems[kind] {
		s.problems[kind] = true
		s.list = append(s.list, fmt.Sprintf(format, args...))
	}
}

func (s *stock) take(name string, m *dto.Metric) {
	if n := len(m.GetLabel()) + 1; n > s.limits.Labels {
		s.say("labels", "%s has %d labels: the page will be refused, at most limits.labels %d", brief(name), n, s.limits.Labels)
	}
	for _, l := range m.GetLabel() {
		if n := len(l.GetName()); n > s.limits.LabelNameLength {
			s.say("name", "%s has a label whose name has %d bytes: the page will be refused, at most limits.labelNameLength %d", brief(name), n, s.limits.LabelNameLength)
		}
		if n := len(l.GetValue()); n > s.limits.LabelValueLength {
			s.say("value", "%s has a label %s of %d bytes: the page will be refused, at most limits.labelValueLength %d", brief(name), brief(l.GetName()), n, s.limits.LabelValueLength)
		}
		if !model.LabelValue(l.GetValue()).IsValid() {
			s.say("utf8", "%s has a label %s that is not UTF-8", brief(name), brief(l.GetName()))
		}
	}
}

func (s *stock) total(r *Report) {
	switch {
	case r.Samples == 0:
		s.say("empty", "the page is empty: with usedonly a proxy shows nothing before its first call; otherwise correct the path")
	case r.Kept == 0:
		s.say("kept", "nothing of the page is kept: name what is wanted in the job's keep, or set its dialect")
	case r.Kept > s.limits.Samples:
		s.say("samples", "the page has %d samples that the job keeps: it will be refused, at most limits.samples %d", r.Kept, s.limits.Samples)
	}
}
