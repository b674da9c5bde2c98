package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/weirmesh/weir/server/plan"
)

// planText writes a forecast for a person, a table for each thing that there is something to say of.
func planText(p *plan.Plan) string {
	if p == nil {
		return ""
	}
	var b strings.Builder
	section := func(header []string, rows [][]string) {
		if len(rows) > 0 {
			b.WriteString("\n" + columns(header, rows))
		}
	}
	section([]string{"STEP", "NOW", "THEN"}, stepRows(p.Steps))
	if s := proxiesText(p.Proxies); s != "" {
		b.WriteString("\n" + s + "\n")
	}
	section(shiftHeader(p.Shifts), shiftRows(p.Shifts))
	section([]string{"LOAD PER INSTANCE", "INSTANCES", "NOW", "THEN", "HIGHEST IN 24 H"}, loadRows(p.Loads))
	section([]string{"POOL PER INSTANCE", "USED", "THEN", "LIMIT", ""}, poolRows(p.Pools))
	var lost, dry [][]string
	for _, u := range p.Unreachable {
		lost = append(lost, []string{u.Object.String(), u.Why.Text})
	}
	section([]string{"UNREACHABLE", "WHY"}, lost)
	for _, d := range p.DryRun {
		said := "accepts it"
		if !d.OK {
			said = "REFUSES it: " + strings.Join(strings.Fields(d.Message), " ")
		}
		dry = append(dry, []string{d.For, said})
	}
	section([]string{"PROXIES OF", "ENVOY'S DRY RUN"}, dry)
	for i, n := range p.Notes {
		if i == 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "note: %s\n", printable(n.Text))
	}
	return b.String()
}

// columns writes a table.
func columns(header []string, rows [][]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, row := range rows {
		for i := range row {
			row[i] = cmp.Or(printable(row[i]), "-")
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}

func stepRows(steps []plan.Step) [][]string {
	var rows [][]string
	for _, s := range steps {
		was, is := s.Before, s.After
		if s.Field == "" {
			was, is = cmp.Or(s.Before, "not there"), cmp.Or(s.After, "deleted")
		}
		name := s.Object.String()
		if s.Object.Name == "" {
			name = string(s.Object.Kind)
		}
		rows = append(rows, []string{strings.TrimSpace(name + " " + s.Field), was, is})
	}
	return rows
}

// proxiesText says who would get new configuration.
func proxiesText(p *plan.Proxies) string {
	switch {
	case p == nil:
		return ""
	case p.Connected == 0:
		return "no proxy is connected: nobody would get new configuration yet"
	case p.Total == 0:
		return fmt.Sprintf("none of %d proxies would get new configuration", p.Connected)
	}
	names := strings.Join(p.IDs[:min(len(p.IDs), 10)], ", ")
	if p.Total > 10 {
		names += fmt.Sprintf(" and %d more", p.Total-10)
	}
	return fmt.Sprintf("%d of %d proxies would get new configuration: %s", p.Total, p.Connected, printable(names))
}

// measured says whether anything was compared with what was forecast.
func measured(shifts []plan.Shift) bool {
	for _, s := range shifts {
		if s.Measured != nil {
			return true
		}
	}
	return false
}

func shiftHeader(shifts []plan.Shift) []string {
	header := []string{"REQUESTS/S BY", "TO", "SHARE", "THEN", "NOW", "THEN", "MORE"}
	if measured(shifts) {
		header = append(header, "MEASURED")
	}
	return header
}

func shiftRows(shifts []plan.Shift) [][]string {
	var rows [][]string
	for _, s := range shifts {
		row := []string{
			s.Route, s.Node, share(s.ShareBefore), share(s.ShareAfter), perSecond(s.RateBefore), perSecond(s.RateAfter),
			fmt.Sprintf("%+.1f", s.RateAfter-s.RateBefore),
		}
		if s.Measured != nil {
			row = append(row, perSecond(*s.Measured))
		}
		rows = append(rows, row)
	}
	return rows
}

func loadRows(loads []plan.Load) [][]string {
	var rows [][]string
	for _, l := range loads {
		highest := "not known"
		if l.Highest != nil {
			highest = perSecond(*l.Highest)
			if l.HighestAt != nil {
				highest += " at " + l.HighestAt.Local().Format(time.DateTime)
			}
			if l.Over {
				highest += ": MORE THAN EVER"
			}
		}
		rows = append(rows, []string{l.Node, strconv.Itoa(l.Instances), perSecond(l.PerInstance), perSecond(l.After), highest})
	}
	return rows
}

func poolRows(pools []plan.Headroom) [][]string {
	var rows [][]string
	for _, h := range pools {
		verdict := "enough"
		switch h.Level() {
		case plan.Tight:
			verdict = "TIGHT"
		case plan.Beyond:
			verdict = "TOO SMALL"
		}
		rows = append(rows, []string{h.Node + " " + h.Limit, perSecond(h.Used), perSecond(h.After), strconv.Itoa(h.Value), verdict})
	}
	return rows
}

func perSecond(v float64) string { return fmt.Sprintf("%.1f", v) }

func share(v float64) string { return fmt.Sprintf("%.4g %%", v*100) }
