package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/timeline"
)

// usualPoints is how many points a series has about when no step is given.
const usualPoints = 60

func (a *app) queryCommand() *cobra.Command {
	var q client.Question
	var f format
	cmd := &cobra.Command{
		Use:   "query EXPR",
		Short: "Ask a question in PromQL of the stored metrics",
		Args:  cobra.ExactArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			q.Expr = args[0]
			asked, err := timed(q, time.Now())
			if err != nil {
				return err
			}
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				data, err := c.QueryRaw(ctx, asked)
				if err != nil {
					return err
				}
				return a.result(f, data)
			})
		}),
	}
	cmd.Flags().StringVar(&q.At, "at", "", "the moment, as in 2026-11-22T17:00:00Z or -5m (default: now)")
	cmd.Flags().StringVar(&q.Start, "start", "", "the first moment of a range, likewise")
	cmd.Flags().StringVar(&q.End, "end", "", "the last moment of a range (default: now)")
	cmd.Flags().StringVar(&q.Step, "step", "", "how far the moments of a range are apart, as in 15s (default: some 60 moments)")
	cmd.Flags().StringVar(&q.Source, "source", "", "the source to ask, one of weir sources (default: the one that has most to say)")
	formatFlag(cmd, &f)
	return cmd
}

// timed gives a question with its times as the server reads them.
func timed(q client.Question, now time.Time) (client.Question, error) {
	switch {
	case q.Start == "" && (q.End != "" || q.Step != ""):
		return q, misuse("--end and --step are of a range: give --start, too")
	case q.Start != "" && q.At != "":
		return q, misuse("--at and --start: ask either about a moment or over a range")
	}
	if q.Start == "" {
		at, err := timeline.ParseMoment("--at", q.At, "now", now)
		q.At = at.UTC().Format(time.RFC3339Nano)
		return q, asMisuse(err)
	}
	start, err := timeline.ParseMoment("--start", q.Start, "", now)
	if err != nil {
		return q, asMisuse(err)
	}
	end, err := timeline.ParseMoment("--end", q.End, "now", now)
	if err != nil {
		return q, asMisuse(err)
	}
	step, err := timeline.ParseLength("--step", q.Step)
	if err != nil {
		return q, asMisuse(err)
	}
	if !start.Before(end) {
		return q, misuse("--start %s is not before --end %s", q.Start, or(q.End, "now"))
	}
	if step == 0 {
		step = max(time.Second, (end.Sub(start) / usualPoints).Truncate(time.Second))
	}
	q.Start, q.End = start.UTC().Format(time.RFC3339Nano), end.UTC().Format(time.RFC3339Nano)
	q.Step = strconv.FormatFloat(step.Seconds(), 'f', -1, 64)
	return q, nil
}

// asMisuse makes an error one of the command line.
func asMisuse(err error) error {
	if err == nil {
		return nil
	}
	return misuse("%w", err)
}

// answered is an answer in Prometheus' shape. A number is text; a histogram is an object.
type answered struct {
	Data struct {
		ResultType string
		Result     json.RawMessage
	}
	Warnings, Infos []string
}

// series is one series of an answer.
type series struct {
	Metric     map[string]string
	Value      point
	Histogram  point
	Values     []point
	Histograms []point
}

// point is a value at a moment: seconds since 1970, and the value.
type point [2]json.RawMessage

// result writes an answer.
func (a *app) result(f format, data json.RawMessage) error {
	if f != "table" {
		return a.raw(f, data)
	}
	var got answered
	if err := json.Unmarshal(data, &got); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	a.lacking(false, slices.Concat(got.Warnings, got.Infos))
	rows := [][]string{}
	switch got.Data.ResultType {
	case "scalar", "string":
		var p point
		if err := json.Unmarshal(got.Data.Result, &p); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		rows = append(rows, []string{"", p.at(), p.value()})
	default:
		var all []series
		if err := json.Unmarshal(got.Data.Result, &all); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		for _, s := range all {
			points := slices.Concat(s.Values, s.Histograms)
			for _, p := range []point{s.Value, s.Histogram} {
				if p[0] != nil {
					points = append(points, p)
				}
			}
			for _, p := range points {
				rows = append(rows, []string{metric(s.Metric), p.at(), p.value()})
			}
		}
	}
	return a.table([]string{"SERIES", "AT", "VALUE"}, rows)
}

// metric writes a series' labels as PromQL does.
func metric(labels map[string]string) string {
	var b strings.Builder
	b.WriteString(labels["__name__"])
	pairs := []string{}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if name != "__name__" {
			pairs = append(pairs, name+"="+strconv.Quote(labels[name]))
		}
	}
	if len(pairs) > 0 || b.Len() == 0 {
		b.WriteString("{" + strings.Join(pairs, ", ") + "}")
	}
	return b.String()
}

func (p point) at() string {
	seconds, err := strconv.ParseFloat(string(p[0]), 64)
	if err != nil {
		return ""
	}
	return moment(time.UnixMilli(int64(seconds * 1000)))
}

func (p point) value() string {
	var text string
	if json.Unmarshal(p[1], &text) == nil {
		return text
	}
	var h struct{ Count, Sum string }
	if json.Unmarshal(p[1], &h) == nil {
		return "count " + h.Count + ", sum " + h.Sum
	}
	return string(bytes.TrimSpace(p[1]))
}
