package prometheus

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

// maxForm is the most that a posted form may hold, in bytes.
const maxForm = 1 << 20

// notFound and internal are Prometheus' errorTypes for what query has no fault for.
const (
	notFound query.Fault = "not_found"
	internal query.Fault = "internal"
)

// request is a question as it was asked.
type request struct {
	*http.Request
	ctx   context.Context // ends with the request, or when its time is over
	from  Querier
	limit int // of what is answered; zero: none
}

// data is an answer that is not written yet.
type data struct {
	write           func(*writer)
	warnings, infos []string
}

// serve answers one request with what answer makes of it.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, answer func(*request) (data, error)) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		refuse(w, query.Errorf(query.BadData, "the form cannot be read: %w", err))
		return
	}
	asked, cancel, err := h.prepare(r)
	if err == nil {
		defer cancel()
		var d data
		if d, err = answer(asked); err == nil {
			h.succeed(w, r, d)
			return
		}
		if ended := asked.ctx.Err(); errors.Is(ended, context.DeadlineExceeded) && query.FaultOf(err) != query.Timeout {
			err = query.Errorf(query.Timeout, "the question takes longer than its parameter timeout allows: %w", err)
		}
	}
	refuse(w, err)
}

// prepare reads what all requests may say.
func (h *Handler) prepare(r *http.Request) (*request, context.CancelFunc, error) {
	asked := &request{Request: r, ctx: r.Context()}
	cancel := context.CancelFunc(func() {})
	var err error
	if text := r.Form.Get("limit"); text != "" {
		if asked.limit, err = strconv.Atoi(text); err != nil || asked.limit < 0 {
			return nil, nil, invalid("limit", text, "write a whole number that is not negative")
		}
	}
	if text := r.Form.Get("timeout"); text != "" {
		within, err := duration(text)
		if err != nil || within <= 0 {
			return nil, nil, invalid("timeout", text, "write seconds, or a duration as in 30s")
		}
		asked.ctx, cancel = context.WithTimeout(asked.ctx, within)
	}
	return asked, cancel, nil
}

// store finds the store that a request is for.
func (h *Handler) store(r *request) error {
	if h.o.Querier == nil {
		return query.Errorf(query.Unavailable, "no store of metrics is configured: there is nothing to ask")
	}
	var err error
	r.from, err = h.o.Querier(r.Form.Get("source"))
	return err
}

// invalid refuses a parameter.
func invalid(name, value, hint string) error {
	if len(value) > 80 {
		value = value[:80] + "…"
	}
	return query.Errorf(query.BadData, "invalid parameter %q: %q: %s", name, value, hint)
}

// moment reads a parameter that is a time: seconds since 1970 with a fraction, or RFC 3339. otherwise is for an absent
// one; a zero otherwise makes it required when must is set.
func (r *request) moment(name string, otherwise time.Time, must bool) (time.Time, error) {
	text := r.Form.Get(name)
	if text == "" && !must {
		return otherwise, nil
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(seconds) && math.Abs(seconds) < math.MaxInt64/1000 {
		whole, part := math.Modf(seconds)
		return time.Unix(int64(whole), int64(math.Round(part*1000))*int64(time.Millisecond)).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, invalid(name, text, "write seconds since 1970, or a time as in 2026-11-22T17:00:00Z")
	}
	return t, nil
}

// duration reads seconds with a fraction, or Prometheus' durations.
func duration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if math.IsNaN(seconds) || math.Abs(seconds) > math.MaxInt64/float64(time.Second) {
			return 0, errors.New("out of range")
		}
		return time.Duration(seconds * float64(time.Second)), nil
	}
	d, err := model.ParseDuration(text)
	return time.Duration(d), err
}

// selection reads what chooses series.
func (r *request) selection() (query.Selection, error) {
	s := query.Selection{Match: r.Form["match[]"], Limit: r.limit}
	var err error
	if s.Start, err = r.bound("start"); err != nil {
		return s, err
	}
	if s.End, err = r.bound("end"); err != nil {
		return s, err
	}
	if !s.Start.IsZero() && !s.End.IsZero() && s.End.Before(s.Start) {
		return s, invalid("end", r.Form.Get("end"), "it lies before start")
	}
	return s, nil
}

// bound reads one end of a selection. The clients of Prometheus' own project write the ends of time for "no bound"; years
// that a store has no numbers of mean the same.
func (r *request) bound(name string) (time.Time, error) {
	switch r.Form.Get(name) {
	case "-292273086-05-16T16:47:06Z", "292277025-08-18T07:12:54.999999999Z":
		return time.Time{}, nil
	}
	t, err := r.moment(name, time.Time{}, false)
	if err == nil && (t.Year() < 1 || t.Year() > 9999) {
		t = time.Time{}
	}
	return t, err
}

// faultOf tells Prometheus' errorType of an error.
func faultOf(err error) query.Fault {
	var known *query.Error
	switch {
	case errors.As(err, &known):
		return known.Fault
	case errors.Is(err, context.Canceled):
		return query.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return query.Timeout
	}
	var said *mesh.Error
	if !errors.As(err, &said) {
		return query.Execution
	}
	switch said.Code {
	case mesh.Invalid, mesh.Conflict, mesh.Denied:
		return query.BadData
	case mesh.NotFound:
		return notFound
	case mesh.Unavailable:
		return query.Unavailable
	default:
		return internal
	}
}

// statusOf is the one table from faults to statuses; it is Prometheus'.
func statusOf(f query.Fault) int {
	switch f {
	case query.BadData:
		return http.StatusBadRequest
	case query.Execution:
		return http.StatusUnprocessableEntity
	case query.Canceled:
		return 499 // nginx' "client closed request", which Prometheus uses
	case query.Timeout, query.Unavailable:
		return http.StatusServiceUnavailable
	case notFound:
		return http.StatusNotFound
	default:
		return http.StatusInternalServerError
	}
}
