package page

import (
	"net/url"
	"time"
)

// Past is the moment that a page is about when it can be another than the present.
type Past struct {
	On     bool   // false: the page is about the present, and an island may move it
	ISO    string // the moment for machines
	Text   string // "You are looking at …" in full
	Window string // as in "30s"
	Live   string // the address of the same page about the present
}

// InPast says whether what the page shows is not the present.
func (s Shell) InPast() bool { return s.Past != nil && s.Past.On }

// Without is this page's address without some query parameters.
func (s Shell) Without(names ...string) string {
	if s.Here == nil {
		return "?"
	}
	query := s.Here.Query()
	for _, name := range names {
		query.Del(name)
	}
	return (&url.URL{Path: s.Here.Path, RawPath: s.Here.RawPath, RawQuery: query.Encode()}).String()
}

// PastHref is the address of the topology at a moment.
func (s Shell) PastHref(at time.Time) string { return s.Href("/topology", "at", ISO(at)) }

// CompareHref is the address of what changed between two moments; a zero time is the present.
func (s Shell) CompareHref(from, to time.Time) string {
	end := "now"
	if !to.IsZero() {
		end = ISO(to)
	}
	return s.Href("/compare", "from", ISO(from), "to", end)
}

// ISO writes a moment as addresses and machines read it, with fractions of a second only where there are any.
func ISO(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// When says a moment: the time of day, and the date too when it is another day than the page's.
func (s Shell) When(t time.Time) string {
	if t.UTC().Truncate(24 * time.Hour).Equal(s.Now.UTC().Truncate(24 * time.Hour)) {
		return s.L.T("format.utc", "clock", s.L.Clock(t))
	}
	return s.L.Moment(t)
}
