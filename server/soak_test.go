package server

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/chaos"
	"github.com/weirmesh/weir/server/mesh"
)

// soaked names what a Weir must not hold ever more of, by its own metrics, with the growth per minute that is taken for none.
var soaked = []struct {
	metric, name string
	unit, most   float64
}{
	{"go_memstats_heap_inuse_bytes", "heap MiB", 1 << 20, 1.5},
	{"process_resident_memory_bytes", "RSS MiB", 1 << 20, 3},
	{"go_goroutines", "goroutines", 1, 1},
	{"process_open_fds", "FDs", 1, 1},
}

// TestSoak runs a demo under load while weights are moved and taken back, rollouts come and go and sockets are opened and
// lost: what Weir holds does not grow, by the slope of a line through what it says of itself. With `make soak` it lasts; else
// it is over before there is a slope, and only what does it is tried.
func TestSoak(t *testing.T) {
	apart(t)
	lasts := 3 * time.Second
	if text := os.Getenv("WEIR_SOAK"); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	metrics := freeAddress(t)
	weir := startChild(t, "demo", "--listen", "127.0.0.1:0", "--xds-listen", "127.0.0.1:0", "--metrics-listen", metrics, "--rate", "40")
	weir.url = weir.says(t, regexp.MustCompile(`console +(http://\S+)`))[1]
	weir.says(t, regexp.MustCompile(`Ctrl-C`))
	c, err := client.New(client.Options{URL: weir.url, Author: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	done := make(map[string]int)
	for what, do := range map[string]func(context.Context, *client.Client) error{"changes": moveAndUndo, "rollouts": rollAndAbort, "sockets": lookAndLeave} {
		work.Go(func() {
			n := 0
			for ctx.Err() == nil {
				if err := do(ctx, c); err != nil && ctx.Err() == nil && mesh.CodeOf(err) != mesh.Conflict {
					t.Errorf("%s: %v", what, err)
				} else {
					n++
				}
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
				}
			}
			chaosMu.Lock()
			done[what] = n
			chaosMu.Unlock()
		})
	}
	series := observe(t, "http://"+metrics+"/metrics", lasts)
	stop()
	work.Wait()
	weir.interrupt(t)
	var words []string
	for _, s := range soaked {
		slope := perMinute(series[s.metric]) / s.unit
		words = append(words, s.name+" "+strconv.FormatFloat(slope, 'f', 2, 64)+" (of "+strconv.FormatFloat(last(series[s.metric])/s.unit, 'f', 0, 64)+")")
		if lasts >= 2*time.Minute && slope > s.most {
			t.Errorf("%s grows by %.2f a minute, want %.1f at most", s.name, slope, s.most)
		}
	}
	chaos.Figure(t, "soak of "+lasts.String(), "per minute: heap ≤ 1.5 MiB, RSS ≤ 3 MiB, goroutines ≤ 1, FDs ≤ 1", "%s; %v", strings.Join(words, ", "), done)
}

// chaosMu guards what the workers of a soak count.
var chaosMu sync.Mutex

// point is a value at a moment.
type point struct{ minutes, value float64 }

// observe asks Weir's own metrics every two seconds; the first third of the time, in which caches fill, is left out.
func observe(t *testing.T, own string, lasts time.Duration) map[string][]point {
	t.Helper()
	series := make(map[string][]point)
	for begin := time.Now(); time.Since(begin) < lasts; time.Sleep(min(2*time.Second, lasts/10)) {
		_, body := get(t, own)
		at := time.Since(begin)
		for _, s := range soaked {
			found := regexp.MustCompile(`(?m)^` + s.metric + ` (\S+)$`).FindStringSubmatch(body)
			if found == nil {
				t.Fatalf("Weir does not say its %s: %s", s.metric, body)
			}
			value, err := strconv.ParseFloat(found[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			if at > lasts/3 {
				series[s.metric] = append(series[s.metric], point{at.Minutes(), value})
			}
		}
	}
	return series
}

func last(points []point) float64 {
	if len(points) == 0 {
		return 0
	}
	return points[len(points)-1].value
}

// perMinute is the slope of the line through points that has the least squares.
func perMinute(points []point) float64 {
	var n, x, y, xx, xy float64
	for _, p := range points {
		n, x, y, xx, xy = n+1, x+p.minutes, y+p.value, xx+p.minutes*p.minutes, xy+p.minutes*p.value
	}
	if d := n*xx - x*x; d > 0 {
		return (n*xy - x*y) / d
	}
	return 0
}

// moveAndUndo moves a node's pool and takes that back.
func moveAndUndo(ctx context.Context, c *client.Client) error {
	limit := 77
	made, err := c.Pool(ctx, sample, "ratings", client.Pool{Limits: map[string]*int{"maxConnections": &limit}}, client.Ask{})
	if err != nil {
		return err
	}
	_, err = c.Verb(ctx, "undo", made.Change.ID, client.Ask{})
	return err
}

// rollAndAbort begins a rollout and ends it.
func rollAndAbort(ctx context.Context, c *client.Client) error {
	steps, err := canary.ParseSteps("50, pause")
	if err != nil {
		return err
	}
	_, r, err := c.StartCanary(ctx, sample, canary.Spec{Target: primary, Steps: steps}, client.RolloutAsk{})
	if err != nil {
		return err
	}
	if _, err = c.AwaitCanary(ctx, r.ID, time.Minute, in(canary.Paused)); err == nil {
		_, _, err = c.CanaryVerb(ctx, "abort", r.ID, client.RolloutAsk{})
	}
	if err == nil {
		_, err = c.AwaitCanary(ctx, r.ID, time.Minute, in(canary.Aborted))
	}
	return err
}

// lookAndLeave opens a socket, takes a picture and hangs up without a word.
func lookAndLeave(ctx context.Context, c *client.Client) error {
	conn, _, err := websocket.DefaultDialer.DialContext(ctx, "ws"+strings.TrimPrefix(c.URL(), "http")+"/api/v1/live", nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"op":"sub","v":"problems:`+sample+`"}`)); err != nil {
		return err
	}
	_, _, err = conn.ReadMessage()
	return err
}

// in waits for a phase of a rollout.
func in(phase canary.Phase) func(json.RawMessage, canary.Rollout) bool {
	return func(_ json.RawMessage, r canary.Rollout) bool { return r.Phase == phase && !r.Restoring }
}
