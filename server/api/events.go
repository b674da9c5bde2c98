package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/journal"
	"github.com/weirmesh/weir/server/mesh"
)

// Events tells what happened; journal.Journal does.
type Events interface {
	Events(ctx context.Context, q journal.Query) ([]journal.Event, error)
	// Published carries every event once it can be read.
	Published() *event.Bus[journal.Event]
	// Last is the ID of the newest event.
	Last() int64
	// Done is closed when nothing is published any more.
	Done() <-chan struct{}
}

// Happening selects events.
type Happening struct {
	Mesh    string `query:"mesh" maxLength:"255" doc:"Of this mesh, and of none."`
	Kind    string `query:"kind" maxLength:"200" doc:"Of these kinds only, separated by commas: change, rollout, verdict, rejected, proxy, health, guard, webhook."`
	Subject string `query:"subject" maxLength:"1024" doc:"About this only: an object's path (route/reviews/primary), an id of the graph, a proxy."`
	After   string `query:"after" maxLength:"20" pattern:"^[0-9]*$" doc:"Newer than the event with this ID, the oldest first. Left out: the newest first."`
}

type eventsInput struct {
	Happening
	Before string `query:"before" maxLength:"20" pattern:"^[0-9]*$" doc:"Older than the event with this ID; next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

// eventRoutes adds the addresses of what happened.
func (a *API) eventRoutes(engine *gin.Engine) {
	all := operation("list-events", http.MethodGet, "/events", "List what happened, newest first")
	all.Description = "With after: what happened since, the oldest first, and next is the after of the page that follows; " +
		"otherwise the newest first, and next is the before of the page that follows."
	huma.Register(a.huma, all, a.listEvents)
	huma.Register(a.huma, operation("list-webhooks", http.MethodGet, "/webhooks", "List the webhooks that are told of events, and how that goes"),
		func(ctx context.Context, _ *struct{}) (*answer[list[journal.HookState]], error) {
			hooks := a.o.Hooks
			if hooks == nil {
				hooks = func() []journal.HookState { return nil }
			}
			return listed(ctx, a, hooks, "")
		})
	engine.GET("/api/v1/events/stream", a.streamEvents)
	a.huma.OpenAPI().AddOperation(streamOperation())
}

// streamOperation describes the stream, which is no JSON document.
func streamOperation() *huma.Operation {
	text := &huma.Schema{Type: huma.TypeString}
	op := &huma.Operation{
		OperationID: "stream-events", Method: http.MethodGet, Path: "/api/v1/events/stream", Summary: "Follow what happens",
		Description: "Server-sent events: each has its event's ID as id and the event as JSON as data. Last-Event-ID, or after, " +
			"goes on behind an event; without either only what happens from now on is told. An event of the type resync says " +
			"that events are missing in between: those that Weir keeps no more, or that a slow reader did not take.",
		Responses: map[string]*huma.Response{
			"200":     {Description: "OK", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: text}}},
			"default": {Description: "Error", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{Type: huma.TypeObject}}}},
		},
		Parameters: []*huma.Param{{Name: "Last-Event-ID", In: "header", Schema: text}},
	}
	for _, name := range []string{"mesh", "kind", "subject", "after"} {
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "query", Schema: text})
	}
	return op
}

func (a *API) listEvents(ctx context.Context, in *eventsInput) (*answer[list[journal.Event]], error) {
	q, err := in.query()
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	if in.Before != "" && in.After != "" {
		return nil, a.fail(ctx, mesh.Errorf(mesh.Invalid, "after and before: give one of them"))
	}
	if a.o.Events == nil {
		return nil, a.fail(ctx, unwritten())
	}
	q.Limit, q.Forward = in.Limit, in.After != ""
	if q.Before, err = eventID("before", in.Before); err != nil {
		return nil, a.fail(ctx, err)
	}
	found, err := a.o.Events.Events(ctx, q)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &answer[list[journal.Event]]{Status: http.StatusOK, Body: list[journal.Event]{Items: append([]journal.Event{}, found...)}}
	if len(found) == in.Limit {
		next := strconv.FormatInt(found[len(found)-1].ID, 10)
		out.Body.Next = &next
	}
	return out, nil
}

func unwritten() error {
	return problem(http.StatusNotImplemented, "this server writes no events down")
}

// query reads what is wanted.
func (in Happening) query() (journal.Query, error) {
	q := journal.Query{Mesh: in.Mesh, Subject: in.Subject}
	for word := range strings.SplitSeq(in.Kind, ",") {
		kind := journal.Kind(strings.TrimSpace(word))
		switch {
		case kind == "":
		case !slices.Contains(journal.Kinds(), kind):
			words := make([]string, 0, len(journal.Kinds()))
			for _, k := range journal.Kinds() {
				words = append(words, string(k))
			}
			return q, mesh.Errorf(mesh.Invalid, "kind %q: there is %s", mesh.Shorten(word), strings.Join(words, ", "))
		default:
			q.Kinds = append(q.Kinds, kind)
		}
	}
	var err error
	q.After, err = eventID("after", in.After)
	return q, err
}

// eventID reads an event's ID; empty is zero.
func eventID(name, s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 0 {
		return 0, mesh.Errorf(mesh.Invalid, "%s %q: give the id of an event, a whole number", name, mesh.Shorten(s))
	}
	return id, nil
}
