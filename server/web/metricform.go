package web

import (
	"maps"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// metricRows is the form's list of checks; its fields are named as in a spec.
const metricRows = "metric"

func metricFields() []string {
	return []string{"name", "query", "min", "max", "interval", "failureLimit"}
}

// typedMetrics are the rows of checks that say something, as they were typed, counted from zero.
func typedMetrics(form url.Values) url.Values {
	var all []url.Values
	for _, row := range rows(form, metricRows) {
		kept := make(url.Values)
		for _, field := range metricFields() {
			if text := strings.TrimSpace(row.Get(field)); text != "" {
				kept.Set(field, text)
			}
		}
		if len(kept) > 0 {
			all = append(all, kept)
		}
	}
	values := make(url.Values)
	setRows(values, metricRows, all)
	return values
}

// readMetrics makes checks of rows; what it cannot read is said by the field's name.
func (v view) readMetrics(values url.Values, wrong map[string]string) []canary.Check {
	var list []canary.Check
	for i, row := range rows(values, metricRows) {
		at := metricRows + "." + strconv.Itoa(i) + "."
		check := canary.Check{Name: row.Get("name"), Query: row.Get("query")}
		bound := func(field string) *float64 {
			text := row.Get(field)
			if text == "" {
				return nil
			}
			n, err := strconv.ParseFloat(text, 64)
			if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
				wrong[at+field] = v.L.T("canaries.metric.error.number")
				return nil
			}
			return &n
		}
		check.Min, check.Max = bound("min"), bound("max")
		if text := row.Get("interval"); text != "" {
			if d, ok := parseDuration(text); ok && *d > 0 {
				check.Interval = *d
			} else {
				wrong[at+"interval"] = v.L.T("canaries.form.length")
			}
		}
		if text := row.Get("failureLimit"); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 {
				wrong[at+"failureLimit"] = v.L.T("canaries.metric.error.count")
			}
			check.FailureLimit = n
		}
		list = append(list, check)
	}
	return list
}

// metricList is the list of checks as the form draws it.
func (v view) metricList(values url.Values, wrong map[string]string) page.KnobList {
	list := page.KnobList{
		Name: metricRows, Title: v.L.T("canaries.metric.title"), Add: v.L.T("canaries.metric.add"), Nothing: v.L.T("canaries.metric.none"),
		Blank: v.metricRow("#", nil, nil),
	}
	for i, row := range rows(values, metricRows) {
		list.Rows = append(list.Rows, v.metricRow(strconv.Itoa(i), row, wrong))
	}
	return list
}

func (v view) metricRow(at string, values url.Values, wrong map[string]string) page.KnobRow {
	row := page.KnobRow{Label: orElse(values.Get("name"), v.L.T("canaries.check"))}
	examples := map[string]string{
		"name": "sales", "query": `sum(rate(sales_total{version="{{canary}}"}[{{window}}]))`, "min": "0.5", "interval": "15s", "failureLimit": "3",
	}
	for _, field := range metricFields() {
		name := metricRows + "." + at + "." + field
		f := page.KnobField{
			Name: name, Kind: "text", Label: v.L.T("canaries.metric." + field), Value: values.Get(field), Placeholder: examples[field], Error: wrong[name],
		}
		if field != "name" && field != "query" {
			f.Kind = "number"
		}
		row.Fields = append(row.Fields, f)
	}
	return row
}

var metricPath = regexp.MustCompile(`^analysis\.metrics\[(\d+)\]\.(\w+)$`)

// fieldOfMetric is the form's field that a check's field is typed in.
func fieldOfMetric(field string) (name string, ok bool) {
	parts := metricPath.FindStringSubmatch(field)
	if parts == nil || !slices.Contains(metricFields(), parts[2]) {
		return "", false
	}
	return metricRows + "." + parts[1] + "." + parts[2], true
}

// toValues and toMap turn a form's fields into the kind of map that rows are read from, and back.
func toValues(fields map[string]string) url.Values {
	values := make(url.Values, len(fields))
	for name, value := range fields {
		values.Set(name, value)
	}
	return values
}

func toMap(values url.Values) map[string]string {
	fields := make(map[string]string, len(values))
	for name := range values {
		fields[name] = values.Get(name)
	}
	return fields
}

// metricHidden are the checks as fields that nobody sees.
func metricHidden(fields map[string]string) (list []page.Field) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if of, _, _, ok := rowOf(name); ok && of == metricRows {
			list = append(list, page.Field{Name: name, Value: fields[name]})
		}
	}
	return list
}

// rolloutRows shows the form with a row more or less, without judging what stands in it.
func (w *Web) rolloutRows(c *gin.Context, v view, fields map[string]string, pressed string) error {
	values := toValues(fields)
	if !rearrange(values, pressed) {
		return mesh.Errorf(mesh.Invalid, "the button %.40q is none of this form's: load the page again", pressed)
	}
	p := w.rolloutForm(v, fields["target"])
	p.Values, p.Metrics = toMap(values), v.metricList(values, nil)
	if len(p.Nodes) == 0 {
		return mesh.Errorf(mesh.NotFound, "%s: there is no such route or split in mesh %s", shorten(p.Chosen), v.Mesh)
	}
	return w.render(c, http.StatusOK, page.RolloutFormPage(p))
}
