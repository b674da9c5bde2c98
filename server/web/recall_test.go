package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/timeline"
	"github.com/weirmesh/weir/server/web"
)

// recorded remembers that reviews-v2 has not been served by ratings since nine minutes before noon.
type recorded struct{ *past }

func (r recorded) Frames(_ context.Context, name string, over mesh.Span) (timeline.Frames, error) {
	f := timeline.Frames{Mesh: name}
	for at := over.Start; !at.After(over.End); at = at.Add(over.Step) {
		f.At, f.Health = append(f.At, at), append(f.Health, mesh.Healthy)
	}
	f.Turns = []timeline.Turn{{At: noon().Add(-9 * time.Minute), From: "reviews-v2", To: "ratings", Was: mesh.Healthy, Is: mesh.Unhealthy}}
	return f, nil
}

// TestOverviewAfterARestart says since when there is trouble that is older than the process, and of what is not recorded that
// it may be older.
func TestOverviewAfterARestart(t *testing.T) {
	w := newWorld()
	site, err := web.New(web.Options{
		Meshes: w, Changes: w, Verdicts: w, Graphs: w, Proxies: w, Timeline: recorded{&past{w: w}},
		Now: noon,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- site.Run(ctx) }()
	engine := gin.New()
	engine.Use(w.asks)
	site.Mount(engine)
	b := &browser{t: t, site: engine, cookies: map[string]string{"weir_lang": "en"}}
	deadline := time.Now().Add(20 * time.Second)
	for {
		got := text(b.get("/", http.StatusOK).Find("main"))
		if strings.Contains(got, "since 11:51:00 UTC, 9 min") && strings.Contains(got, "since Weir's start or before") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the overview says %s", got)
		}
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
