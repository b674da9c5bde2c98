// Package web is the console's handlers: one file per page of ui/page, one table of routes. A handler reads values from
// small interfaces, fills a view model and renders it; everything that changes something is a form, so that each page
// works without script. It serves no JSON and judges nothing.
//
// Requests from other origins are refused in front of it (http.CrossOriginProtection, in the wiring).
package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/assets"
	"github.com/weirmesh/weir/server/advice"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/server/metrics/reading"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/timeline"
	"github.com/weirmesh/weir/ui/i18n"
)

// Meshes answers what is configured; the change door does.
type Meshes interface {
	// Meshes lists the meshes' names, sorted.
	Meshes() []string
	// Mesh gives a mesh as last recorded; mesh.NotFound when there is none.
	Mesh(name string) (change.Current, error)
	// Object gives one object and its version; mesh.NotFound when there is none.
	Object(mesh string, ref mesh.Ref) (change.Stored, error)
}

// Changes proposes changes and reads the ledger; the change door does.
type Changes interface {
	// Propose validates and records a change, or with DryRun only says what it would be.
	Propose(ctx context.Context, p change.Proposal) (change.Change, error)
	// Change gives one entry; mesh.NotFound when there is none.
	Change(ctx context.Context, id string) (change.Change, error)
	// Changes finds entries, newest first.
	Changes(ctx context.Context, q change.Query) ([]change.Change, error)
}

// Verdicts settles a change that was made; the change door does.
type Verdicts interface {
	// Waiting lists the changes of a mesh that wait to be kept, the next deadline first; it costs no look into the ledger.
	Waiting(mesh string) []change.Change
	// Confirm keeps a change that was waiting for it.
	Confirm(ctx context.Context, id string, by change.By) (change.Change, error)
	// Revert restores what was before a change that has not been confirmed.
	Revert(ctx context.Context, id string, by change.By) (change.Change, error)
	// Undo makes a new change that takes one back, and gives the new one.
	Undo(ctx context.Context, id string, by change.By) (change.Change, error)
}

// Graphs gives the newest picture of a mesh; graph.Live does. ok is false before there is one.
type Graphs interface {
	Graph(mesh string) (g graph.Graph, ok bool)
}

// Proxies lists a mesh's proxies, sorted by ID; a provider does.
type Proxies interface {
	Proxies(mesh string) []provider.Proxy
}

// Drafts keeps edits that were begun and not applied; the store does.
type Drafts interface {
	// Draft gives a person's draft of a place; ok is false when there is none.
	Draft(ctx context.Context, at desk.Place, person string) (d desk.Draft, ok bool, err error)
	// Others lists the drafts that other people have of an object, newest first, without their fields.
	Others(ctx context.Context, mesh string, of mesh.Ref, person string) ([]desk.Draft, error)
	// SaveDraft keeps a draft in place of the person's earlier one; mesh.Invalid when it is too large.
	SaveDraft(ctx context.Context, d desk.Draft) error
	// DropDraft forgets a person's draft; no error when there is none.
	DropDraft(ctx context.Context, at desk.Place, person string) error
}

// Views keeps ways of looking at a mesh; the store does.
type Views interface {
	// Views lists a mesh's, sorted by name.
	Views(ctx context.Context, mesh string) ([]desk.View, error)
	// SaveView keeps a view in place of an earlier one of that name; mesh.Invalid when a limit of desk is passed.
	SaveView(ctx context.Context, v desk.View) error
	// DropView forgets a view; no error when there is none.
	DropView(ctx context.Context, mesh, name string) error
}

// Dumps tells what one proxy runs and should run; a provider does. A proxy that is not known is mesh.NotFound.
type Dumps interface {
	Dump(mesh, id string, ask provider.Ask) (provider.Dump, error)
}

// Versions reads what an object was, newest first; the change door does.
type Versions interface {
	Versions(ctx context.Context, q change.Query) ([]change.Version, error)
}

// Timeline answers about moments that have passed; timeline.Timeline does.
type Timeline interface {
	// At gives the picture of a mesh as it was, of the window that ends at that moment.
	At(ctx context.Context, name string, at time.Time, window time.Duration) (graph.Graph, error)
	// Frames gives every edge's numbers over a span, and what was changed meanwhile.
	Frames(ctx context.Context, name string, over mesh.Span) (timeline.Frames, error)
	// Plot gives a subject's numbers over a span, and the changes that concern it.
	Plot(ctx context.Context, name string, of mesh.Subject, over mesh.Span) (timeline.Plot, error)
	// Compare gives what is different between two moments, each of the window that ends at it.
	Compare(ctx context.Context, name string, from, to time.Time, window time.Duration) (timeline.Comparison, error)
}

// Options are what the console needs. The first five are required; without the others the console is about the present
// only.
type Options struct {
	Meshes   Meshes
	Changes  Changes
	Verdicts Verdicts
	Entries  Entries
	// Proposals reads what waits for a second person, Decisions decides about it. Nil: nothing does.
	Proposals Proposals
	Decisions Decisions
	Graphs    Graphs
	Proxies   Proxies
	Events    Events                // what happened; nil: nobody writes that down
	Drafts    Drafts                // nil: an edit lives as long as its page
	Views     Views                 // nil: views cannot be saved
	Timeline  Timeline              // nil: no moment but the present can be looked at
	Sources   func() []query.Source // where metrics are read from; nil: nothing is stored
	Targets   func() []query.Target // what is scraped; nil: nothing is
	Dumps     Dumps                 // nil: what proxies run is not known in detail
	Versions  Versions              // nil: only the newest version of an object can be read
	// Stats gives the store in which proxies' own statistics are, or says why there is none. Nil: nothing is stored.
	Stats func() (reading.Store, error)
	// Advise sizes a connection pool from what was recorded; its errors are for people. Nil: there is no advice.
	Advise func(ctx context.Context, ask advice.Ask) (advice.Advice, error)
	// Rollouts starts rollouts and reads them, RolloutVerbs steers them. Nil: none are carried out.
	Rollouts     Rollouts
	RolloutVerbs RolloutVerbs
	// Admission is sign-in. Nil: there is none, and nothing of it is shown.
	Admission *Admission
	// Identify names in the context of a request who sent it, or why nobody is named (auth.Without); it is asked where an
	// address needs somebody. Nil: the context says so already.
	Identify func(r *http.Request) context.Context
	// Refused hears of requests that somebody known may not make (people.Denied); why is for people. Nil: nobody hears of them.
	Refused func(r *http.Request, event people.Event, why string)
	// Replicas knows what Weir itself consists of. Nil: nothing of it is shown.
	Replicas Replicas
	// MadeUp says whether a mesh's traffic is made up, without proxies; nil: none is.
	MadeUp func(mesh string) bool
	Logger *slog.Logger     // nil: silent
	Now    func() time.Time // nil: time.Now
}

// Web is the console.
type Web struct {
	Options
	texts  *i18n.Catalogue
	assets *assets.Bundle
	trends *trends
	ills   *troubles
	films  films
	// parts are those of pages that many look at; zippers compress answers.
	parts   parts
	zippers *zippers
	// patience is how long a page waits for its plots.
	patience time.Duration
}

// New builds the console; it fails only when what is embedded in the binary is broken.
func New(o Options) (*Web, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	texts, err := i18n.Load()
	if err != nil {
		return nil, mesh.Errorf(mesh.Internal, "console: %w", err)
	}
	bundle, err := assets.Load()
	if err != nil {
		return nil, mesh.Errorf(mesh.Internal, "console: %w", err)
	}
	return &Web{Options: o, texts: texts, assets: bundle, trends: newTrends(), ills: newTroubles(), zippers: newZippers(), patience: plotPatience}, nil
}

// Run remembers the last two minutes of each box's numbers for the pages' trend lines, and since when what is ill has
// been so, until ctx ends. Without it the pages are the same, with empty lines.
func (w *Web) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	history := recalls{w: w, last: make(map[string]time.Time)}
	defer history.going.Wait()
	for {
		for _, name := range w.Meshes.Meshes() {
			if g, ok := w.Graphs.Graph(name); ok {
				w.trends.add(g)
				w.ills.add(g, w.Now())
				history.look(ctx, name)
			}
		}
		w.trends.keep(w.Meshes.Meshes())
		w.ills.keep(w.Meshes.Meshes())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Mount adds the pages, what they download, and a page for addresses that do not exist. Who asks
// is found out for what needs somebody alone: assets cost no look into the database.
func (w *Web) Mount(engine *gin.Engine) {
	group := engine.Group("", w.recovered, w.secured, w.preferred)
	for _, r := range w.routes() {
		group.Handle(r.method, r.path, w.rights(r.need), w.bounded(r.need), w.page(r.handle))
		if r.method == http.MethodGet {
			group.Handle(http.MethodHead, r.path, w.rights(r.need), w.page(r.handle))
		}
	}
	engine.NoRoute(w.recovered, w.secured, w.missing)
}
