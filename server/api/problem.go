package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	guardrail "github.com/weirmesh/weir/server/guard"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

// Problem is an RFC 9457 problem: what, where, what to do.
type Problem struct {
	Title  string    `json:"title" doc:"The status in words."`
	Status int       `json:"status" required:"true"`
	Detail string    `json:"detail" doc:"What went wrong, where, and what to do; one line for a person."`
	Code   mesh.Code `json:"code" required:"true" enum:"invalid,conflict,not_found,denied,unauthenticated,too_many,unavailable,internal"`
	Errors []Detail  `json:"errors,omitempty" nullable:"false" doc:"One per broken rule."`
	// Changed is there when somebody changed the object first.
	Changed *change.Change `json:"changed,omitempty" doc:"With status 412: the newest change of the object, with who, when and what."`
	// Breaches are there when guard rails stand in the way, Collisions when others touched what is to be taken back.
	Breaches   []guardrail.Breach `json:"breaches,omitempty" nullable:"false" doc:"With status 403: the guard rails in the way."`
	Collisions []change.Collision `json:"collisions,omitempty" nullable:"false" doc:"With status 409: what others touched since, field by field, as the change set it (base), as it is (theirs) and as it was before (yours)."`
}

// Detail is one broken rule.
type Detail struct {
	Location string `json:"location,omitempty" doc:"The field."`
	Message  string `json:"message" doc:"The rule."`
	Value    string `json:"value,omitempty" doc:"The value as given, shortened."`
}

// Error gives the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus gives the status, for huma.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType gives the media type of problems, for huma.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// statusOf is the one table from codes to statuses.
func statusOf(code mesh.Code) int {
	switch code {
	case mesh.Invalid:
		return http.StatusUnprocessableEntity
	case mesh.Conflict:
		return http.StatusConflict
	case mesh.NotFound:
		return http.StatusNotFound
	case mesh.Denied:
		return http.StatusForbidden
	case mesh.Unauthenticated:
		return http.StatusUnauthorized
	case mesh.TooMany:
		return http.StatusTooManyRequests
	case mesh.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// codeOf is the code of a status that no mesh.Error was behind.
func codeOf(status int) mesh.Code {
	switch {
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return mesh.NotFound
	case status == http.StatusUnauthorized:
		return mesh.Unauthenticated
	case status == http.StatusTooManyRequests:
		return mesh.TooMany
	case status == http.StatusForbidden, status == http.StatusMisdirectedRequest:
		return mesh.Denied
	case status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return mesh.Conflict
	case status == http.StatusServiceUnavailable, status == http.StatusNotImplemented:
		return mesh.Unavailable
	case status >= http.StatusInternalServerError:
		return mesh.Internal
	default:
		return mesh.Invalid
	}
}

// retryAfter is when what is out of order may be tried again, in seconds.
const retryAfter = "1"

// problem makes one without a mesh.Error behind it.
func problem(status int, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: detail, Code: codeOf(status)}
}

// fail turns any error into the answer: the one place where that happens. What is Weir's own fault is logged, not shown.
func (a *API) fail(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*Problem](err); ok {
		return err // with the headers that it may have
	}
	err = spoken(err)
	code := mesh.CodeOf(err)
	p := problem(statusOf(code), err.Error())
	p.Code = code
	if e, ok := errors.AsType[*mesh.Error](err); ok {
		for _, v := range e.Violations {
			p.Errors = append(p.Errors, Detail{Location: v.Field, Message: v.Rule, Value: v.Value})
		}
	}
	if g, ok := errors.AsType[*change.Guarded](err); ok {
		p.Breaches = g.Breaches
	}
	if c, ok := errors.AsType[*change.Collisions](err); ok {
		p.Collisions = c.List
		return p
	}
	switch {
	case errors.Is(err, change.ErrStale):
		p.Status, p.Title = http.StatusPreconditionFailed, http.StatusText(http.StatusPreconditionFailed)
	case errors.Is(err, context.Canceled):
		p = problem(http.StatusServiceUnavailable, "the request was given up")
	case code == mesh.Internal:
		a.o.Logger.ErrorContext(ctx, "request failed", "error", err)
		p.Detail = "Weir could not do this; its log says why"
	}
	if p.Status == http.StatusServiceUnavailable {
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {retryAfter}})
	}
	return p
}

// spoken turns what a store of metrics says into an error like all others.
func spoken(err error) error {
	q, ok := errors.AsType[*query.Error](err)
	if !ok {
		return err
	}
	switch q.Fault {
	case query.BadData, query.Execution:
		return mesh.Errorf(mesh.Invalid, "%w", err)
	default:
		return mesh.Errorf(mesh.Unavailable, "%w", err)
	}
}

// problemOf turns huma's own refusals into problems like all others.
func problemOf(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := problem(m.Status, m.Detail)
	if m.Status == http.StatusRequestEntityTooLarge {
		p.Detail = fmt.Sprintf("the request's body is larger than %d MiB, which is the most that is read: split it into several requests", maxBody>>20)
	}
	for _, e := range m.Errors {
		d := Detail{Location: e.Location, Message: e.Message, Value: valueText(e.Value)}
		p.Errors = append(p.Errors, d)
		p.Detail += ": " + d.Location + " " + d.Message
	}
	return p, nil
}

// valueText writes a refused value in at most 80 characters.
func valueText(v any) string {
	if v == nil || v == "" {
		return ""
	}
	text, ok := v.(string)
	if !ok {
		data, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		text = string(data)
	}
	if r := []rune(text); len(r) > 80 {
		return string(r[:79]) + "…"
	}
	return text
}

// writeProblem answers outside of huma.
func writeProblem(c *gin.Context, p *Problem) {
	if p.Status == http.StatusServiceUnavailable && c.Writer.Header().Get("Retry-After") == "" {
		c.Header("Retry-After", "1")
	}
	body, err := json.Marshal(p)
	if err != nil {
		c.AbortWithStatus(http.StatusInternalServerError)
		return
	}
	c.Header("Content-Length", strconv.Itoa(len(body)))
	c.Data(p.Status, p.ContentType(""), body)
	c.Abort()
}
