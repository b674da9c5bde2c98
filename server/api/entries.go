package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/common/model"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// Entries does with entries of the ledger what is more than a verb; the change door is one.
type Entries interface {
	Extend(ctx context.Context, id string, by change.By, within time.Duration) (change.Change, error)
	UndoFields(ctx context.Context, id string, by change.By, picks []change.Pick) (change.Change, error)
	Ways(ctx context.Context, id string) ([]change.Collision, error)
	Verify(ctx context.Context, mesh string) (change.Verification, error)
	Export(ctx context.Context, q change.Query, visit func(change.Line) error) error
}

type extendInput struct {
	ID string `path:"id" maxLength:"64"`
	Asking
	Body struct {
		Wish
		Within string `json:"within" maxLength:"20" doc:"How much later the deadline is to be, from 1s to 24h, as in 5m."`
	}
}

type undoInput struct {
	ID string `path:"id" maxLength:"64"`
	Asking
	Body *struct {
		Wish
		// Take names fields by object, as collisions do.
		Take map[string][]string `json:"take,omitempty" doc:"When others touched an object since: the fields of it that get back their value from before the change, by the object as in route/reviews/primary; \"\" is the whole object. All other fields stay as they are."`
		Seen map[string]int64    `json:"seen,omitempty" doc:"The version of each of those objects that was looked at: another one is refused."`
	}
}

type verifyInput struct {
	Mesh string `query:"mesh" maxLength:"255" doc:"Of this mesh only; left out: of every mesh, those that were deleted too."`
}

type exportInput struct {
	Mesh  string `query:"mesh" maxLength:"255" doc:"Of this mesh only."`
	Since string `query:"since" maxLength:"64" doc:"Entries after this change, or after this moment in RFC 3339."`
}

// verified is what became of verifying.
type verified struct {
	OK     bool                  `json:"ok"`
	Meshes []change.Verification `json:"meshes"`
}

type waysAnswer struct {
	Body list[change.Collision]
}

// entryRoutes adds what more can be done with entries. Names that are no IDs come before the address of one.
func (a *API) entryRoutes() {
	huma.Register(a.huma, operation("verify-changes", http.MethodGet, "/changes/verify", "Check that nobody altered the ledger"), a.verifyChanges)
	export := operation("export-changes", http.MethodGet, "/changes/export", "Export the ledger as JSON lines, oldest first")
	export.Responses = map[string]*huma.Response{"200": {
		Description: "One entry a line, with each object before and after and the hash that the entry is chained to.",
		Content:     map[string]*huma.MediaType{"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
	huma.Register(a.huma, export, a.exportChanges)
	huma.Register(a.huma, operation("get-undo", http.MethodGet, "/changes/{id}/undo", "Show what others touched since a change, field by field"), a.getUndo)
	undo := operation("undo-change", http.MethodPost, "/changes/{id}/undo", "Take a change back by a new one")
	undo.DefaultStatus = http.StatusAccepted
	huma.Register(a.huma, undo, a.undoChange)
	extend := operation("extend-change", http.MethodPost, "/changes/{id}/extend", "Give a change that waits for its confirmation more time")
	extend.DefaultStatus = http.StatusAccepted
	huma.Register(a.huma, extend, a.extendChange)
}

// entries gives the door's other half.
func (a *API) entries() (Entries, error) {
	if a.o.Entries == nil {
		return nil, problem(http.StatusNotImplemented, "this Weir keeps no ledger that can be exported or verified")
	}
	return a.o.Entries, nil
}

func (a *API) extendChange(ctx context.Context, in *extendInput) (*changed, error) {
	door, err := a.entries()
	if err != nil {
		return nil, err
	}
	within, err := model.ParseDuration(in.Body.Within)
	if err != nil {
		return nil, a.fail(ctx, mesh.Errorf(mesh.Invalid, "within %q: from 1s to 24h, as in 5m", mesh.Shorten(in.Body.Within)))
	}
	by, err := in.by(in.Body.Wish)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	c, err := door.Extend(ctx, in.ID, by, time.Duration(within))
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return accepted(c), nil
}

func (a *API) undoChange(ctx context.Context, in *undoInput) (*changed, error) {
	var w Wish
	var picks []change.Pick
	if in.Body != nil {
		w = in.Body.Wish
		var err error
		if picks, err = picksOf(in.Body.Take, in.Body.Seen); err != nil {
			return nil, a.fail(ctx, err)
		}
	}
	by, err := in.by(w)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	var c change.Change
	if len(picks) == 0 {
		c, err = waits(a.o.Door.Undo(ctx, in.ID, by))
	} else {
		var door Entries
		if door, err = a.entries(); err == nil {
			c, err = waits(door.UndoFields(ctx, in.ID, by, picks))
		}
	}
	if err != nil {
		return nil, a.refuse(ctx, err, c.Mesh, mesh.Ref{Kind: c.Kind, Name: c.Name})
	}
	return accepted(c), nil
}

// picksOf reads what is to be taken back of which object.
func picksOf(take map[string][]string, seen map[string]int64) ([]change.Pick, error) {
	picks := make([]change.Pick, 0, len(take))
	for _, object := range slices.Sorted(maps.Keys(take)) {
		kind, name, ok := strings.Cut(object, "/")
		known, err := mesh.ParseKind(kind)
		if err != nil || !ok {
			return nil, mesh.Errorf(mesh.Invalid, "take %q: name the object by its kind and name, as in route/reviews/primary", mesh.Shorten(object))
		}
		picks = append(picks, change.Pick{Object: mesh.Ref{Kind: known, Name: name}, Version: seen[object], Fields: take[object]})
	}
	return picks, nil
}

func (a *API) getUndo(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"64"`
},
) (*waysAnswer, error) {
	door, err := a.entries()
	if err != nil {
		return nil, err
	}
	ways, err := door.Ways(ctx, in.ID)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &waysAnswer{Body: list[change.Collision]{Items: []change.Collision{}}}
	out.Body.Items = append(out.Body.Items, ways...)
	return out, nil
}

func (a *API) verifyChanges(ctx context.Context, in *verifyInput) (*answer[verified], error) {
	door, err := a.entries()
	if err != nil {
		return nil, err
	}
	names := []string{in.Mesh}
	if in.Mesh == "" {
		names = a.o.Ledger.Ledgers()
	}
	out := &answer[verified]{Status: http.StatusOK, Body: verified{OK: true, Meshes: []change.Verification{}}}
	for _, name := range names {
		v, err := door.Verify(ctx, name)
		if err != nil {
			return nil, a.fail(ctx, err)
		}
		out.Body.OK = out.Body.OK && v.OK
		out.Body.Meshes = append(out.Body.Meshes, v)
	}
	return out, nil
}

// exportChanges streams: a ledger may be larger than memory. An error after the first line can only cut the stream off,
// which a line that is not whole tells.
func (a *API) exportChanges(ctx context.Context, in *exportInput) (*huma.StreamResponse, error) {
	door, err := a.entries()
	if err != nil {
		return nil, err
	}
	q := change.Query{Mesh: in.Mesh, Since: in.Since}
	if at, err := time.Parse(time.RFC3339, in.Since); err == nil {
		q.Since, q.After = "", at
	} else if in.Since != "" {
		if _, err := a.o.Ledger.Change(ctx, in.Since); err != nil {
			return nil, a.fail(ctx, mesh.Errorf(mesh.Invalid, "since %q: a change, or a moment as in 2026-11-23T00:00:00Z", mesh.Shorten(in.Since)))
		}
	}
	if in.Mesh != "" && !slices.Contains(a.o.Ledger.Ledgers(), in.Mesh) {
		if _, err := a.o.Meshes.Mesh(in.Mesh); err != nil {
			return nil, a.fail(ctx, err)
		}
	}
	return &huma.StreamResponse{Body: func(out huma.Context) {
		out.SetHeader("Content-Type", "application/x-ndjson")
		out.SetHeader("Content-Disposition", `attachment; filename="weir-changes.jsonl"`)
		encoder := json.NewEncoder(out.BodyWriter())
		encoder.SetEscapeHTML(false)
		err := door.Export(out.Context(), q, func(l change.Line) error { return encoder.Encode(l) })
		if err != nil {
			a.o.Logger.WarnContext(out.Context(), "export broke off", "error", err)
			_, _ = out.BodyWriter().Write([]byte(`{"error":"the export broke off: ask for what is missing with since`)) // not a whole line
		}
	}}, nil
}
