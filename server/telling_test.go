package server

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/journal"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/webhook"
)

// pager is a program that is told of events; it refuses them while it is down.
type pager struct {
	secret string // empty: nothing may be signed
	mu     sync.Mutex
	down   bool
	told   []journal.Event
	forged int
}

func (p *pager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	want := ""
	if p.secret != "" {
		want = webhook.Sign(p.secret, body)
	}
	if r.Header.Get(webhook.SignatureHeader) != want {
		p.forged++
	}
	var e journal.Event
	if p.down || json.Unmarshal(body, &e) != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	p.told = append(p.told, e)
}

func (p *pager) set(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

func (p *pager) has(what string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.told {
		if e.What == what {
			return true
		}
	}
	return false
}

// TestWebhooksAreTold tells a program on this machine what happens, signed; while it is down that is seen, and afterwards
// it is told what it missed. One that has no secret is told unsigned, though rollouts have one.
func TestWebhooksAreTold(t *testing.T) {
	p, open := &pager{down: true, secret: "hush"}, &pager{}
	receiver, other := httptest.NewServer(p), httptest.NewServer(open)
	t.Cleanup(receiver.Close)
	t.Cleanup(other.Close)
	o := quiet(t)
	o.Told = []EventHook{
		{Hook: webhook.Hook{Name: "pager", URL: receiver.URL, Secret: "hush"}, Kinds: []journal.Kind{journal.KindChange, journal.KindWebhook}},
		{Hook: webhook.Hook{Name: "open", URL: other.URL}, Kinds: []journal.Kind{journal.KindChange}},
	}
	o.RolloutHooks.Secret = "of rollouts"
	s, _ := run(t, o)
	c, err := client.New(client.Options{URL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := s.Propose(t.Context(), change.Proposal{Mesh: "m", Author: "ann", Patch: mesh.Patch{Put: []mesh.Object{mesh.Settings{Name: "m"}}}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "that it is down is an event", func() bool {
		_, list, err := c.Events(t.Context(), client.EventAsk{Kinds: "webhook"})
		return err == nil && len(list) > 0 && list[0].What == "webhook.failing" && list[0].Subject == "pager"
	})
	hooks, err := c.Hooks(t.Context())
	if err != nil || len(hooks) != 2 || !hooks[0].Failing || hooks[0].Message == "" {
		t.Errorf("%+v, %v", hooks, err)
	}
	p.set(false)
	eventually(t, "it is told what it missed", func() bool { return p.has("change.made") })
	eventually(t, "the other is told", func() bool { return open.has("change.made") })
	eventually(t, "it does again", func() bool {
		hooks, err := c.Hooks(t.Context())
		return err == nil && len(hooks) == 2 && !hooks[0].Failing && hooks[0].Delivered == 1 && hooks[0].Lost == 0
	})
	for _, each := range []*pager{p, open} {
		each.mu.Lock()
		if each.forged > 0 {
			t.Errorf("%d requests were not signed with %q", each.forged, each.secret)
		}
		each.mu.Unlock()
	}
}
