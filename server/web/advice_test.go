package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/weirmesh/weir/server/advice"
	"github.com/weirmesh/weir/server/mesh"
)

// load is an hour of 75 requests a second of 400 ms at ratings, of which some are refused; nothing of others.
type load struct{}

func (load) Load(_ context.Context, _ string, of advice.Target, over mesh.Span) (mesh.Load, error) {
	l := mesh.Load{Step: over.Step, Busiest: 1, Peak: 41}
	if of.Node != "ratings" {
		return l, nil
	}
	for at := over.Start.Add(over.Step); !at.After(over.End); at = at.Add(over.Step) {
		l.Moments = append(l.Moments, mesh.LoadMoment{At: at, Rate: 75, Within: 30, InFlight: 30, Refused: 0.5, Repeated: 0.5, Instances: 1})
	}
	l.Callers = []mesh.LoadCaller{{From: "reviews-v1", Rate: 56, Within: 23, Proxies: 1}, {From: "unknown", Rate: 18.8, Within: 7.5, Proxies: 1}}
	return l, nil
}

func (w *world) advise(ctx context.Context, ask advice.Ask) (advice.Advice, error) {
	if w.fail != nil {
		return advice.Advice{}, w.fail
	}
	current, err := w.Mesh(ask.Mesh)
	if err != nil {
		return advice.Advice{}, err
	}
	return advice.For(ctx, load{}, current.Mesh, ask, noon().Truncate(time.Second))
}

// TestAdvice takes the advice beside the form of a pool to the review, and from there through the door.
func TestAdvice(t *testing.T) {
	w := newWorld()
	current := w.meshes["sample_app"]
	for i := range current.Mesh.Nodes {
		if current.Mesh.Nodes[i].Name == "ratings" {
			current.Mesh.Nodes[i].Listeners[0].ConnectionPool = &mesh.ConnectionPool{MaxConnections: ptr(30), MaxRetries: ptr(7)}
		}
	}
	b := open(t, w).in("en")
	page := b.get("/services/ratings/pool", http.StatusOK)
	section := page.Find(`[data-testid="advice"]`)
	for _, words := range []string{"too low", "confidence: good", "are 30 in flight", "reviews-v1", "weir pool ratings --max-connections 71 --max-pending 17"} {
		if !strings.Contains(text(section), words) {
			t.Errorf("the advice does not say %q: %s", words, text(section))
		}
	}
	form := section.Find(`[data-testid="advice-form"]`)
	values := make(url.Values)
	form.Find("input").Each(func(_ int, s *goquery.Selection) { values.Set(s.AttrOr("name", ""), s.AttrOr("value", "")) })
	if values.Get("maxConnections") != "71" || values.Get("maxRetries") != "7" || values.Get("was.maxConnections") != "30" || values.Get("maxRequests") != "" {
		t.Errorf("the form sends %v", values)
	}
	answer := b.do(http.MethodPost, form.AttrOr("action", ""), values)
	if said := answer.Body.String(); answer.Code != http.StatusOK || !strings.Contains(said, "30 → 71") {
		t.Errorf("the review answers %d: %.500s", answer.Code, said)
	}
	nothing := b.get("/services/cart/pool", http.StatusOK).Find(`[data-testid="advice-none"]`)
	if !strings.Contains(text(nothing), "Nothing is known to have arrived in the last 1 h. Look again in 2 min") {
		t.Errorf("without data it says %q", text(nothing))
	}
	if b.get("/services/ratings/pool?fragment=pool-ratings-8080", http.StatusOK).Find(`[data-testid="advice"]`).Length() > 0 {
		t.Error("a part that is asked for every second has the advice in it")
	}
}
