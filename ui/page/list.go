package page

import (
	"strconv"
	"strings"
)

// Listing is which part of a long list is shown. The server filters, sorts and cuts it, so that a page of five thousand
// rows weighs as much as one of fifty.
type Listing struct {
	Query    string // what the names are filtered by
	Sort     string // a column; with "-" in front the other way round than the column is sorted by itself
	Page     int    // from 1
	Pages    int
	From, To int // the rows that are shown, from 1; zero when there are none
	Matches  int // rows that the filter leaves
	Total    int // without the filter
}

// column is the column that the list is sorted by, and whether the other way round.
func (l Listing) column() (key string, turned bool) {
	key, turned = strings.CutPrefix(l.Sort, "-")
	return key, turned
}

// aria is the state of a column's head; names ascend by themselves, numbers descend.
func (l Listing) aria(key string) string {
	sorted, turned := l.column()
	switch {
	case sorted != key:
		return "none"
	case (key == "service" || key == "proxy") != turned:
		return "ascending"
	}
	return "descending"
}

// next is what the list is sorted by after a click on a column's head.
func (l Listing) next(key string) string {
	if l.Sort == key {
		return "-" + key
	}
	return key
}

// turned is the address of another page of the list.
func (s Shell) turned(to int) string { return s.listed("page", strconv.Itoa(to)) }

// sorted is the address of the list sorted otherwise, from its beginning.
func (s Shell) sorted(by string) string { return s.listed("sort", by) }

// listed is the address of this list with one thing changed. Sorted otherwise it begins anew, and a part of a page that is
// fetched by itself leads to whole pages.
func (s Shell) listed(name, value string) string {
	if s.Here == nil {
		return s.With(name, value)
	}
	here := *s.Here
	query := here.Query()
	query.Del("fragment")
	query.Del("page")
	here.RawQuery = query.Encode()
	s.Here = &here
	return s.With(name, value)
}
