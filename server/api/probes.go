package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth/people"
)

// livez says that the process answers.
func (a *API) livez(c *gin.Context) { c.String(http.StatusOK, "ok\n") }

// readyz says whether every part works; with ?verbose, part by part, as Kubernetes' own servers do.
func (a *API) readyz(c *gin.Context) {
	status, lines := http.StatusOK, strings.Builder{}
	if a.o.Ready != nil {
		for _, check := range a.o.Ready(c.Request.Context()) {
			switch {
			case check.Err == nil && check.Note != "":
				fmt.Fprintf(&lines, "[+]%s ok: %s\n", check.Name, check.Note)
			case check.Err == nil:
				fmt.Fprintf(&lines, "[+]%s ok\n", check.Name)
			case check.Minor:
				fmt.Fprintf(&lines, "[!]%s impaired: %s\n", check.Name, oneLine(check.Err))
			default:
				status = http.StatusServiceUnavailable
				fmt.Fprintf(&lines, "[-]%s failed: %s\n", check.Name, oneLine(check.Err))
			}
		}
	}
	if _, verbose := c.GetQuery("verbose"); !verbose {
		lines.Reset()
	}
	if status == http.StatusOK {
		lines.WriteString("ok\n")
	} else {
		c.Header("Retry-After", "1")
		lines.WriteString("not ready\n")
	}
	c.Header("Cache-Control", "no-store")
	c.String(status, "%s", lines.String())
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// socket hands a request over to the live hub.
func (a *API) socket(c *gin.Context) {
	if !ownOrigin(c.Request) {
		a.o.Refused(c.Request, people.OriginRefused, "a socket from another site's page")
		writeProblem(c, problem(http.StatusForbidden, "the socket is for the console's own pages: the request's Origin is another one"))
		return
	}
	if !c.IsWebsocket() {
		writeProblem(c, problem(http.StatusUpgradeRequired, "this address speaks WebSocket; without it, use /api/v1/live/poll"))
		return
	}
	a.o.Live.ServeHTTP(c.Writer, c.Request)
}

type versionBody struct {
	Version string `json:"version" doc:"Weir's own."`
}

// liveRoutes adds the socket's fallback, and the server's version.
func (a *API) liveRoutes() {
	poll := operation("poll-view", http.MethodGet, "/live/poll", "Wait for a view's next frame, without a socket")
	poll.Description = "Answers 200 with a full frame when its seq is not the given one, 204 after 25 seconds without. " +
		"docs/guide/live.md describes views and frames."
	huma.Register(a.huma, poll, func(ctx context.Context, in *struct {
		View string `query:"view" required:"true" maxLength:"1024"`
		Seq  int64  `query:"seq"`
	},
	) (*answer[json.RawMessage], error) {
		frame, err := a.o.Live.Poll(ctx, in.View, in.Seq)
		if err != nil {
			return nil, a.fail(ctx, err)
		}
		if frame == nil {
			return &answer[json.RawMessage]{Status: http.StatusNoContent}, nil
		}
		return &answer[json.RawMessage]{Status: http.StatusOK, Body: frame}, nil
	})
	huma.Register(a.huma, operation("get-version", http.MethodGet, "/version", "Show the server's version"),
		func(context.Context, *struct{}) (*answer[versionBody], error) {
			return &answer[versionBody]{Status: http.StatusOK, Body: versionBody{a.o.Version}}, nil
		})
}
