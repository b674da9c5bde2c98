package page

import (
	"net/url"
	"strings"

	"github.com/weirmesh/weir/ui/component"
)

// Change is one entry of the ledger.
type Change struct {
	Shell
	ApprovedBy string // the second person; "" when none was asked
	Card       ChangeCard
	Objects    []component.LinkTo
	Diff       string
	Twins      Equivalents
	Effect     string // the comparison of before and after; "" where no history is kept
	Then       string // the topology just before it
	Plots      component.Plots
	// Forecast is what was said of it beforehand, with what was measured since; nil: nothing was.
	Forecast *Forecast
	More     EntryMore
}

// fragmentQuery is what to add to an address in order to ask for one part of it; a card on a service's page asks
// for itself as it is drawn there.
func fragmentQuery(address, name, link string) string {
	query := url.Values{"fragment": {name}}
	if link != "" {
		query.Set("link", link)
	}
	if strings.Contains(address, "?") {
		return "&" + query.Encode()
	}
	return "?" + query.Encode()
}
