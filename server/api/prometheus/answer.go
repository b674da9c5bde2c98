package prometheus

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/weirmesh/weir/server/metrics/query"
)

// cut is Prometheus' warning about an answer that limit shortened.
const cut = "results truncated due to limit"

// lookback refuses the one parameter that would change an answer and is not followed.
func lookback(r *request) error {
	if text := r.Form.Get("lookback_delta"); text != "" {
		return invalid("lookback_delta", text, "the store decides how long a sample stays a series' present value")
	}
	return nil
}

func (h *Handler) query(r *request) (data, error) {
	at, err := r.moment("time", h.o.Now(), false)
	if err != nil {
		return data{}, err
	}
	if err := cmp.Or(lookback(r), h.store(r)); err != nil {
		return data{}, err
	}
	answer, err := r.from.Query(r.ctx, r.Form.Get("query"), at)
	return answered(r, answer, err)
}

func (h *Handler) queryRange(r *request) (data, error) {
	var over query.Range
	var err error
	if over.Start, err = r.moment("start", over.Start, true); err != nil {
		return data{}, err
	}
	if over.End, err = r.moment("end", over.End, true); err != nil {
		return data{}, err
	}
	if over.End.Before(over.Start) {
		return data{}, invalid("end", r.Form.Get("end"), "it lies before start")
	}
	if over.Step, err = duration(r.Form.Get("step")); err != nil || over.Step <= 0 {
		return data{}, invalid("step", r.Form.Get("step"), "write seconds above zero, or a duration as in 15s")
	}
	if err := cmp.Or(lookback(r), h.store(r)); err != nil {
		return data{}, err
	}
	answer, err := r.from.QueryRange(r.ctx, r.Form.Get("query"), over)
	return answered(r, answer, err)
}

// answered makes data of an answer.
func answered(r *request, answer query.Answer, err error) (data, error) {
	if err != nil {
		return data{}, err
	}
	d := data{warnings: slices.Clone(answer.Warnings), infos: answer.Infos}
	if answer.Partial && len(d.warnings) == 0 {
		d.warnings = append(d.warnings, "the answer is not whole: not everything could be read")
	}
	if r.limit > 0 && max(len(answer.Vector), len(answer.Matrix)) > r.limit {
		answer.Vector, answer.Matrix = answer.Vector[:min(r.limit, len(answer.Vector))], answer.Matrix[:min(r.limit, len(answer.Matrix))]
		d.warnings = append(d.warnings, cut)
	}
	d.write = func(w *writer) { w.answer(answer) }
	return d, nil
}

func (h *Handler) series(r *request) (data, error) {
	s, err := r.selection()
	if err != nil {
		return data{}, err
	}
	if len(s.Match) == 0 {
		return data{}, query.Errorf(query.BadData, "no match[] parameter is given: choose series as in match[]=up")
	}
	if err := h.store(r); err != nil {
		return data{}, err
	}
	found, warnings, err := r.from.Series(r.ctx, s)
	if err != nil {
		return data{}, err
	}
	return data{warnings: warnings, write: func(w *writer) {
		w.list(len(found), func(i int) { w.labels(found[i]) })
	}}, nil
}

func (h *Handler) labels(r *request) (data, error) {
	s, err := r.selection()
	if err != nil {
		return data{}, err
	}
	if err := h.store(r); err != nil {
		return data{}, err
	}
	names, warnings, err := r.from.LabelNames(r.ctx, s)
	return texts(names, warnings, err)
}

func (h *Handler) labelValues(r *request) (data, error) {
	s, err := r.selection()
	if err != nil {
		return data{}, err
	}
	if err := h.store(r); err != nil {
		return data{}, err
	}
	name := r.PathValue("name")
	if strings.HasPrefix(name, "U__") { // how a name that is not of letters, digits and _ is written in an address
		name = model.UnescapeName(name, model.ValueEncodingEscaping)
	}
	values, warnings, err := r.from.LabelValues(r.ctx, name, s)
	return texts(values, warnings, err)
}

// texts makes data of a list.
func texts(list, warnings []string, err error) (data, error) {
	return data{warnings: warnings, write: func(w *writer) { w.list(len(list), func(i int) { w.text(list[i]) }) }}, err
}

func (h *Handler) exemplars(*request) (data, error) {
	return data{write: func(w *writer) { w.raw("[]") }}, nil
}

// rules and alerts are asked for by Grafana's page of alerts, which shows a fault where nobody answers.
func (h *Handler) rules(*request) (data, error) {
	return data{write: func(w *writer) { w.raw(`{"groups":[]}`) }}, nil
}

func (h *Handler) alerts(*request) (data, error) {
	return data{write: func(w *writer) { w.raw(`{"alerts":[]}`) }}, nil
}

// buildInfo says what the interface can do in the only way that clients know: by a version of Prometheus. It is that of
// its libraries, of which v0.313.5 belongs to 3.13.5.
func (h *Handler) buildInfo(*request) (data, error) {
	version := "3.0.0"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == "github.com/prometheus/prometheus" {
				version = released(d.Version, version)
			}
		}
	}
	return data{write: func(w *writer) {
		w.object(
			field{"version", version}, field{"revision", h.o.Version}, field{"branch", "weir"},
			field{"buildUser", ""}, field{"buildDate", ""}, field{"goVersion", runtime.Version()},
		)
	}}, nil
}

// released gives the version of Prometheus that a version of its libraries belongs to.
func released(library, otherwise string) string {
	rest, ok := strings.CutPrefix(library, "v0.")
	minor, patch, dotted := strings.Cut(rest, ".")
	if !ok || !dotted || len(minor) != 3 {
		return otherwise
	}
	return minor[:1] + "." + strings.TrimPrefix(minor[1:], "0") + "." + patch
}
