package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/web"
)

func serve(w *world) http.Handler { return serveWith(w, w) }

func serveWith(w *world, proxies web.Proxies) http.Handler {
	now := noon()
	options := web.Options{
		Meshes: w, Changes: w, Verdicts: w, Entries: w, Graphs: w, Proxies: proxies,
		Dumps: w, Versions: w, Stats: w.stats, Advise: w.advise,
		Now: func() time.Time { return now },
	}
	if w.replicas != nil {
		options.Replicas = w.replicas
	}
	if w.house != nil {
		options.Admission = w.house.admission()
		options.Admission.Provider = w.provider
	}
	if w.drafts != nil {
		options.Drafts = w.drafts
	}
	if rolling := w.controller(); rolling != nil {
		options.Rollouts, options.RolloutVerbs = rolling, rolling
	}
	if w.views != nil {
		options.Views = w.views
	}
	if w.told != nil {
		options.Events = w
	}
	if w.past != nil {
		options.Timeline, options.Sources, options.Targets = w.past, origins, targets
	}
	options.Identify = func(r *http.Request) context.Context {
		w.recognised.Add(1)
		c := &gin.Context{Request: r}
		w.asks(c)
		return c.Request.Context()
	}
	site, err := web.New(options)
	if err != nil {
		panic(err)
	}
	site.Remember(w.graphs)
	engine := gin.New()
	site.Mount(engine)
	if w.past != nil {
		engine.GET("/api/v1/meshes/:mesh/graph", w.past.serve)
	}
	return engine
}

// asks says who sends a request: jiyoung, who may do what the world grants; everything where it does not say.
func (w *world) asks(c *gin.Context) {
	if w.house != nil {
		w.house.asks(c)
		return
	}
	id := auth.Open()
	id.Name = "jiyoung"
	if w.grants != "" {
		id.Grants = nil
	}
	switch w.grants {
	case "nobody":
		return
	case "away":
		away := &mesh.Error{Code: mesh.Unavailable, Message: "the database is out of reach", Err: auth.Away{Since: noon()}}
		c.Request = c.Request.WithContext(auth.Without(c.Request.Context(), away))
		return
	}
	for s := range strings.FieldsSeq(w.grants) {
		g, err := auth.ParseGrant(s)
		if err != nil {
			panic(err)
		}
		id.Grants = append(id.Grants, g)
	}
	c.Request = c.Request.WithContext(auth.With(c.Request.Context(), id))
}

// browser keeps cookies and follows nothing.
type browser struct {
	t       *testing.T
	site    http.Handler
	cookies map[string]string
}

func open(t *testing.T, w *world) *browser {
	t.Helper()
	return &browser{t: t, site: serve(w), cookies: map[string]string{"weir_lang": "en"}}
}

func (b *browser) in(lang string) *browser {
	b.cookies["weir_lang"] = lang
	return b
}

func (b *browser) do(method, address string, form url.Values) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	answer := httptest.NewRecorder()
	b.site.ServeHTTP(answer, r)
	for _, c := range answer.Result().Cookies() {
		b.cookies[c.Name] = c.Value
	}
	return answer
}

func (b *browser) get(address string, want int) *goquery.Document {
	b.t.Helper()
	return b.read(b.do(http.MethodGet, address, nil), address, want)
}

func (b *browser) post(address string, form url.Values, want int) *goquery.Document {
	b.t.Helper()
	return b.read(b.do(http.MethodPost, address, form), address, want)
}

func (b *browser) read(answer *httptest.ResponseRecorder, address string, want int) *goquery.Document {
	b.t.Helper()
	if answer.Code != want {
		b.t.Fatalf("%s answers %d, want %d:\n%.2000s", address, answer.Code, want, answer.Body)
	}
	doc, err := goquery.NewDocumentFromReader(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return doc
}

// submit reads a form as a browser without script sends it, with some fields changed.
func submit(t *testing.T, form *goquery.Selection, changed map[string]string) (action string, values url.Values) {
	t.Helper()
	if form.Length() != 1 {
		t.Fatalf("there are %d such forms, want 1", form.Length())
	}
	values = url.Values{}
	form = form.Clone()
	form.Find("template").Remove() // a row for script to copy
	form.Find("input[name]").Each(func(_ int, input *goquery.Selection) {
		if elsewhere, ok := input.Attr("form"); ok && elsewhere == "" {
			return
		}
		kind, _ := input.Attr("type")
		if _, checked := input.Attr("checked"); (kind == "radio" || kind == "checkbox") && !checked {
			return
		}
		name, _ := input.Attr("name")
		value, _ := input.Attr("value")
		if kind == "checkbox" {
			values.Add(name, value)
			return
		}
		values.Set(name, value)
	})
	form.Find("select[name]").Each(func(_ int, s *goquery.Selection) {
		name, _ := s.Attr("name")
		values.Set(name, s.Find("option[selected]").AttrOr("value", s.Find("option").First().AttrOr("value", "")))
	})
	for name, value := range changed {
		values.Set(name, value)
	}
	action, _ = form.Attr("action")
	return action, values
}

func id(name string) string { return `[data-testid="` + name + `"]` }

// text is what a selection says, with a space between neighbours.
func text(s *goquery.Selection) string {
	var words []string
	s.Find("*").Not(".word").AddSelection(s).Contents().Each(func(_ int, n *goquery.Selection) {
		if goquery.NodeName(n) == "#text" || n.HasClass("word") { // a word that stays whole is a part of its line
			words = append(words, strings.Fields(n.Text())...)
		}
	})
	return strings.Join(words, " ")
}
