package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/ui/page"
)

// Where the notice of changes that wait to be kept is fetched anew, and where one of them is shown.
const (
	waitingPath = "/waiting"
	changePath  = "/history/:id"
)

// waiting are the changes that every page says are taken back unless somebody keeps them. The page of one of them says so
// itself: it is left out there, and but is its ID.
func (w *Web) waiting(c *gin.Context, s page.Shell) (list []page.Waiting, but string) {
	switch c.FullPath() {
	case changePath:
		but = c.Param("id")
	case waitingPath:
		but = c.Query("but")
	}
	if s.Mesh == "" {
		return nil, but
	}
	for _, each := range w.Verdicts.Waiting(s.Mesh) {
		if strings.EqualFold(each.ID, but) {
			continue
		}
		list = append(list, page.Waiting{
			ID: each.ID, Summary: summaryText(s.L, each.Summary), Left: s.L.Countdown(each.ConfirmBy.Sub(s.Now)),
			Clock: s.L.T("format.utc", "clock", s.L.Clock(*each.ConfirmBy)), ISO: each.ConfirmBy.UTC().Format(time.RFC3339),
		})
	}
	return list, but
}

// waitingNotice is the notice alone, for pages that are open; whoever goes there is led to the ledger.
func (w *Web) waitingNotice(c *gin.Context) error {
	s := w.frame(c, "history", "")
	if c.Query("fragment") == "" {
		c.Redirect(http.StatusSeeOther, s.WaitingHref())
		return nil
	}
	return w.render(c, http.StatusOK, page.WaitingNotice(s))
}
