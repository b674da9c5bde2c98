package web

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/ui/page"
)

// listed is how many rows of a long list one page shows.
const listed = 50

// readListing reads which part of a list an address asks for. What is no column of it is not sorted by.
func readListing(c *gin.Context, columns ...string) page.Listing {
	l := page.Listing{Query: strings.TrimSpace(c.Query("q")), Sort: columns[0], Page: 1}
	if by := c.Query("sort"); slices.Contains(columns, strings.TrimPrefix(by, "-")) {
		l.Sort = by
	}
	if n, err := strconv.Atoi(c.Query("page")); err == nil && n > 1 {
		l.Page = n
	}
	return l
}

// cut sorts what the filter left and gives the rows of the page that is asked for, or of the last one when it is beyond.
// compare orders rows by the list's column the way the column is sorted by itself; ties keep their order.
func cut[T any](l *page.Listing, rows []T, compare func(a, b T) int) []T {
	if strings.HasPrefix(l.Sort, "-") {
		straight := compare
		compare = func(a, b T) int { return straight(b, a) }
	}
	slices.SortStableFunc(rows, compare)
	l.Matches = len(rows)
	l.Pages = (len(rows) + listed - 1) / listed
	l.Page = max(1, min(l.Page, l.Pages))
	from := (l.Page - 1) * listed
	rows = rows[from:min(from+listed, len(rows))]
	if len(rows) > 0 {
		l.From, l.To = from+1, from+len(rows)
	}
	return rows
}

// downwards compares numbers, the largest first.
func downwards[T cmp.Ordered](a, b T) int { return cmp.Compare(b, a) }
