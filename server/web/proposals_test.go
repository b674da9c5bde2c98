package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/store"
	"github.com/weirmesh/weir/server/web"
)

// calm is a provider without proxies.
type calm struct{}

func (calm) Name() string                                     { return "calm" }
func (calm) Apply(context.Context, provider.Desired) error    { return nil }
func (calm) Proxies(string) []provider.Proxy                  { return nil }
func (calm) Watch() (<-chan struct{}, func())                 { return make(chan struct{}), func() {} }
func (calm) Delivery(string, int64) (provider.Delivery, bool) { return provider.Delivery{}, false }

// pair is a console before a real door and a real store, whose mesh asks for a second person. Who asks is said by a cookie:
// ann and bob are operators, root is an administrator, eve looks.
type pair struct {
	door   *change.Door
	engine *gin.Engine
	close  func() error
}

func identity(name string) auth.Identity {
	role := map[string]auth.Role{"root": auth.Admin, "eve": auth.Viewer}[name]
	if role == "" {
		role = auth.Operator
	}
	return auth.Identity{Kind: auth.Person, ID: name, Person: name, Name: name, Grants: []auth.Grant{{Role: role}}}
}

func newPair(dir string) (*pair, error) {
	quiet := slog.New(slog.DiscardHandler)
	kept, err := store.Open(context.Background(), store.Options{Dir: dir, Logger: quiet})
	if err != nil {
		return nil, err
	}
	door, err := change.New(change.Options{
		Store: kept, Approvals: kept, Provider: calm{}, Logger: quiet,
		Allow: func(ctx context.Context, _ mesh.Mesh, edits []change.Edit) error {
			for _, e := range edits {
				if err := auth.Can(ctx, auth.Steer, auth.Resource{Mesh: "sample_app", Of: e.Ref}); err != nil {
					return err
				}
			}
			return nil
		},
		Who: func(ctx context.Context) change.Whoever {
			id, _ := auth.From(ctx)
			return change.Whoever{Person: id.Person, Name: id.Name, Overrides: func(name string) error {
				return auth.Can(ctx, auth.Govern, auth.Resource{Mesh: name})
			}}
		},
	})
	if err != nil {
		return nil, err
	}
	m := sample()
	m.Approval = mesh.ApprovalRequired
	root := auth.With(context.Background(), identity("root"))
	if _, err := door.Propose(root, change.Proposal{Mesh: m.Name, Author: "root", Patch: mesh.Patch{Put: m.Objects()}}); err != nil {
		return nil, err
	}
	w := newWorld()
	site, err := web.New(web.Options{
		Meshes: door, Changes: door, Verdicts: door, Entries: door, Graphs: w, Proxies: w, Versions: door, Proposals: door, Decisions: door, Events: w,
	})
	if err != nil {
		return nil, err
	}
	engine := gin.New()
	engine.Use(func(c *gin.Context) {
		name, err := c.Cookie("as")
		if err != nil {
			name = "bob"
		}
		c.Request = c.Request.WithContext(auth.With(c.Request.Context(), identity(name)))
	})
	site.Mount(engine)
	return &pair{door, engine, kept.Close}, nil
}

func openPair(t *testing.T) *pair {
	t.Helper()
	p, err := newPair(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.close() })
	return p
}

// send asks for a page, or sends a form, as somebody.
func (p *pair) send(t *testing.T, who, address string, form url.Values) (*httptest.ResponseRecorder, *goquery.Document) {
	t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	r := httptest.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	r.AddCookie(&http.Cookie{Name: "as", Value: who})
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := httptest.NewRecorder()
	p.engine.ServeHTTP(answer, r)
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(answer.Body.String()))
	if err != nil {
		t.Fatal(err)
	}
	return answer, doc
}

// fill gives the fields of the form with a test ID.
func fill(doc *goquery.Document, testid string) url.Values {
	form := url.Values{}
	doc.Find(`[data-testid="` + testid + `"]`).Find("input[name]").Each(func(_ int, s *goquery.Selection) {
		if kind := s.AttrOr("type", ""); kind == "radio" && s.AttrOr("checked", "no") == "no" {
			return
		}
		form.Add(s.AttrOr("name", ""), s.AttrOr("value", ""))
	})
	return form
}

// proposeApproval sets the rule as somebody, by way of the review, and gives where that leads.
func (p *pair) proposeApproval(t *testing.T, who, to string) string {
	t.Helper()
	_, settings := p.send(t, who, "/settings", nil)
	form := fill(settings, "approval-form")
	form.Set("approval", to)
	answer, review := p.send(t, who, "/settings/approval", form)
	if answer.Code != http.StatusOK || review.Find(`[data-testid="second"]`).Length() != 1 {
		t.Fatalf("the review does not tell of the second person: %d %s", answer.Code, answer.Body)
	}
	answer, _ = p.send(t, who, "/settings/approval/apply", fill(review, "apply-form"))
	if answer.Code != http.StatusSeeOther {
		t.Fatalf("applied: %d %s", answer.Code, answer.Body)
	}
	return answer.Header().Get("Location")
}

func TestProposalPages(t *testing.T) {
	p := openPair(t)
	if _, list := p.send(t, "bob", "/proposals", nil); list.Find(`[data-testid="no-proposals"]`).Length() != 1 {
		t.Error("an empty list says nothing")
	}
	at := p.proposeApproval(t, "root", "none")
	if !strings.HasPrefix(at, "/proposals/") {
		t.Fatalf("led to %s", at)
	}
	if again := p.proposeApproval(t, "root", "none"); again != at {
		t.Errorf("proposed twice: %s and %s", at, again)
	}
	_, own := p.send(t, "root", at, nil)
	if own.Find(`[data-testid="approve-form"] button[disabled]`).Length() != 1 || own.Find(`[data-testid="withdraw-form"]`).Length() != 1 || own.Find(`[data-testid="decline-form"]`).Length() != 0 {
		t.Error("one's own proposal is approved, or cannot be withdrawn")
	}
	if said := text(own.Find(`[data-testid="proposal-card"]`)); !strings.Contains(said, "Nothing has changed yet") || !strings.Contains(said, "weir approve ") {
		t.Errorf("says %q", said)
	}
	_, theirs := p.send(t, "bob", at, nil)
	if theirs.Find(`[data-testid="approve-form"] button:not([disabled])`).Length() != 1 || theirs.Find(`[data-testid="diff"]`).Length() != 1 {
		t.Error("somebody else cannot approve")
	}
	if _, looks := p.send(t, "eve", at, nil); looks.Find(`button:not([disabled])[value="approve"], button:not([disabled])[value="decline"]`).Length() != 0 || looks.Find("#approve-refusal").Length() != 1 {
		t.Error("a viewer can decide, or is not told why not")
	}
	if _, page := p.send(t, "bob", "/services/reviews/traffic", nil); !strings.Contains(text(page.Find(`[data-testid="proposals-notice"]`)), "root proposed") {
		t.Error("other pages do not tell of it")
	}
	for _, bad := range []struct {
		who  string
		form url.Values
		code int
	}{
		{"root", url.Values{"do": {"approve"}}, http.StatusForbidden},
		{"eve", url.Values{"do": {"approve"}}, http.StatusForbidden},
		{"bob", url.Values{"do": {"withdraw"}}, http.StatusForbidden},
		{"bob", url.Values{"do": {"decline"}}, http.StatusUnprocessableEntity},
		{"bob", url.Values{"do": {"<img onerror>"}}, http.StatusUnprocessableEntity},
	} {
		if answer, _ := p.send(t, bad.who, at, bad.form); answer.Code != bad.code {
			t.Errorf("%s %v: %d", bad.who, bad.form, answer.Code)
		}
	}
	answer, _ := p.send(t, "bob", at, url.Values{"do": {"approve"}})
	entry := answer.Header().Get("Location")
	if answer.Code != http.StatusSeeOther || !strings.HasPrefix(entry, "/history/") {
		t.Fatalf("approved: %d %s", answer.Code, answer.Body)
	}
	if _, page := p.send(t, "bob", entry, nil); !strings.Contains(text(page.Find(`[data-testid="approved-by"]`)), "bob") {
		t.Error("the entry does not say who approved it")
	}
	answer, page := p.send(t, "cem", at, url.Values{"do": {"approve"}})
	if answer.Code != http.StatusConflict || !strings.Contains(text(page.Find(`[data-testid="proposal-problem"]`)), "approved by bob already") || page.Find(`[data-testid="became"]`).AttrOr("href", "") != entry {
		t.Errorf("the second click: %d %s", answer.Code, text(page.Find("main")))
	}
	if answer, _ := p.send(t, "bob", "/proposals/nobody", nil); answer.Code != http.StatusNotFound {
		t.Errorf("a wrong ID: %d", answer.Code)
	}
}

// TestProposalEnds declines one and withdraws another, with names that would be markup.
func TestProposalEnds(t *testing.T) {
	p := openPair(t)
	const nasty = `<img src=x onerror=alert(1)> مرحبا`
	at := p.proposeApproval(t, "root", "none")
	if answer, _ := p.send(t, "bob", at, url.Values{"do": {"decline"}, "reason": {nasty}}); answer.Code != http.StatusSeeOther {
		t.Fatalf("declined: %d", answer.Code)
	}
	answer, page := p.send(t, "root", at, nil)
	if !strings.Contains(text(page.Find(`[data-testid="proposal-card"]`)), nasty) || strings.Contains(answer.Body.String(), "<img src=x") {
		t.Error("the reason is not shown as it is")
	}
	at = p.proposeApproval(t, "root", "none")
	if answer, _ := p.send(t, "root", at, url.Values{"do": {"withdraw"}}); answer.Code != http.StatusSeeOther {
		t.Errorf("withdrawn: %d", answer.Code)
	}
	_, list := p.send(t, "bob", "/proposals", nil)
	if list.Find(`[data-testid="decided"] li`).Length() != 2 {
		t.Errorf("listed: %s", text(list.Find("main")))
	}
	_, settings := p.send(t, "root", "/settings", nil)
	form := fill(settings, "approval-form")
	form.Set("approval", "none")
	_, review := p.send(t, "root", "/settings/approval", form)
	form = fill(review, "apply-form")
	form.Set("emergency", "both of the others are on a plane")
	answer, _ = p.send(t, "root", "/settings/approval/apply", form)
	_, entry := p.send(t, "root", answer.Header().Get("Location"), nil)
	if said := text(entry.Find(`[data-testid="entry"]`)); !strings.Contains(said, "on a plane") || !strings.Contains(said, "nobody approved this") {
		t.Errorf("the emergency is not on record: %s", said)
	}
}
