package server

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/api/live"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/provider"
)

// viewer is a program that watches views over the socket.
type viewer struct {
	t        *testing.T
	conn     *websocket.Conn
	pictures map[string]*live.Picture
}

// watch opens the socket and subscribes to views.
func (s *shop) watch(t *testing.T, views ...string) *viewer {
	t.Helper()
	conn, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(s.server.URL(), "http")+"/api/v1/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	v := &viewer{t: t, conn: conn, pictures: make(map[string]*live.Picture)}
	for _, name := range views {
		v.pictures[name] = &live.Picture{}
		v.say(map[string]any{"op": "sub", "v": name})
	}
	return v
}

func (v *viewer) say(message map[string]any) {
	v.t.Helper()
	if err := v.conn.WriteJSON(message); err != nil {
		v.t.Fatal(err)
	}
}

// see takes frames, and acknowledges them, until a view shows something.
func (v *viewer) see(view, what string, shows func(*live.Picture) bool) {
	v.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !shows(v.pictures[view]) {
		if err := v.conn.SetReadDeadline(deadline); err != nil {
			v.t.Fatal(err)
		}
		var f live.Frame
		if err := v.conn.ReadJSON(&f); err != nil {
			v.t.Fatalf("waiting for %s: %v", what, err)
		}
		p := v.pictures[f.View]
		if p == nil {
			v.t.Fatalf("a frame of %q, which nobody asked for", f.View)
		}
		if err := p.Apply(f); err != nil {
			v.t.Fatal(err)
		}
		v.say(map[string]any{"op": "ack", "v": f.View, "seq": f.Seq})
	}
}

// TestSocket watches the picture move, and a change on its way from accepted to programmed.
func TestSocket(t *testing.T) {
	s := openShop(t)
	s.sameMesh(t)
	graphs, changes, proxies := "graph:"+sample, "changes:"+sample, "proxies:"+sample
	v := s.watch(t, graphs, changes, proxies)
	first, moved, frames := make(map[[2]string]float64), make(map[[2]string]bool), make(map[int64]bool)
	v.see(graphs, "a picture that moves", func(p *live.Picture) bool {
		frames[p.Seq] = true
		for ends, row := range p.Edges {
			if was, ok := first[ends]; !ok {
				first[ends] = row.Rate
			} else if row.Rate != was {
				moved[ends] = true
			}
		}
		return len(frames) >= 4 && len(moved) >= 3 && p.Fresh && p.Edges[[2]string{"gateway/ingress", "front"}].Rate > 0
	})
	v.see(proxies, "every proxy", func(p *live.Picture) bool { return len(p.Rows) == len(s.demo.Proxies()) })
	for id, row := range v.pictures[proxies].Rows {
		var p provider.Proxy
		if err := json.Unmarshal(row, &p); err != nil || p.ID != id || !p.Connected() {
			t.Errorf("proxy %s is %s (%v)", id, row, err)
		}
	}
	answer, err := s.client.Weights(t.Context(), sample, "reviews/primary", map[string]int{"reviews-v1": 60, "reviews-v2": 40}, client.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	v.see(changes, "the change programmed", func(p *live.Picture) bool {
		var c change.Change
		row, ok := p.Rows[answer.Change.ID]
		if !ok {
			return false
		}
		if err := json.Unmarshal(row, &c); err != nil {
			t.Fatal(err)
		}
		return c.Programmed != nil && c.Programmed.Total == callersOfReviews && c.Programmed.Acked == callersOfReviews
	})
	t.Logf("the socket shows the change programmed after %v", time.Since(begin))
	s.undo(t, answer.Change.ID, callersOfReviews)
}
