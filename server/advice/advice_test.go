package advice

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// TestPoissonQuantile holds values against tables (Haight 1967) and against themselves far out.
func TestPoissonQuantile(t *testing.T) {
	for _, c := range []struct {
		q, mean float64
		want    int
	}{{0.999, 0, 0}, {0.999, -1, 0}, {0.999, math.NaN(), 0}, {0.5, 1, 1}, {0.95, 10, 15}, {0.999, 0.001, 0}, {0.999, 0.5, 4}, {0.999, 1, 5}, {0.999, 25, 42}, {0.999, 100, 132}} {
		if got := PoissonQuantile(c.q, c.mean); got != c.want {
			t.Errorf("the %v quantile of Poisson(%v) is %d, want %d", c.q, c.mean, got, c.want)
		}
	}
	for _, mean := range []float64{0.1, 3, 77, 1e4, 3e6} {
		k := PoissonQuantile(0.999, mean)
		if poissonBelow(k, mean) < 0.999 || poissonBelow(k-1, mean) >= 0.999 {
			t.Errorf("mean %v: P(N ≤ %d) = %v, P(N ≤ %d) = %v", mean, k, poissonBelow(k, mean), k-1, poissonBelow(k-1, mean))
		}
		if normal := mean + 3.09*math.Sqrt(mean); mean > 50 && math.Abs(float64(k)-normal) > 2+0.001*normal {
			t.Errorf("mean %v: %d, and %v by the normal approximation", mean, k, normal)
		}
	}
}

// TestLoss holds the loss formula against its textbook recursion, and the queue's against summing its states.
func TestLoss(t *testing.T) {
	for _, offered := range []float64{0.2, 1, 7, 25, 300} {
		b := 1.0
		for limit := 1; limit <= 400; limit++ {
			b = offered * b / (float64(limit) + offered*b)
			if got := blocking(limit, offered); math.Abs(got-b) > 1e-9*b+1e-300 {
				t.Fatalf("%d places for %v lose %v, want %v", limit, offered, got, b)
			}
			if limit > 30 {
				continue
			}
			for _, waiting := range []int{0, 1, 5, 40} {
				state, sum, wait := 1.0, 1.0, 0.0
				for i := 1; i <= limit+waiting; i++ {
					if i > limit {
						wait += state
					}
					state *= offered / float64(min(i, limit))
					sum += state
				}
				if got, late := queue(limit, waiting, offered); math.Abs(got-state/sum) > 1e-9 || math.Abs(late-wait/sum) > 1e-9 {
					t.Errorf("%d places and %d to wait for %v lose %v and delay %v, want %v and %v", limit, waiting, offered, got, late, state/sum, wait/sum)
				}
			}
		}
	}
	if got, _ := queue(10, -1, 25); math.Abs(got-0.6) > 1e-9 {
		t.Errorf("10 places for 25 lose %v, however many may wait", got)
	}
	long, wait := queue(10, 1<<20, 5)
	none, forever := queue(10, -1, 5)
	if nothing, _ := queue(3, 0, 0); long+none+nothing > 1e-12 || math.Abs(wait-forever) > 1e-12 {
		t.Errorf("nothing need be lost, and %v and %v are; %v and %v wait", long, none, wait, forever)
	}
}

// level is a load that is always the same.
func level(n int, m mesh.LoadMoment) mesh.Load {
	l := mesh.Load{Step: 15 * time.Second, Busiest: 1}
	for range n {
		l.Moments = append(l.Moments, m)
	}
	return l
}

func asked(l mesh.Load, listener mesh.Listener) Input {
	end := time.Unix(1_790_000_000, 0)
	return Input{
		Mesh: "m", Node: "n", Listener: listener, Listeners: 1, Load: l, Wait: DefaultWait,
		Span: mesh.Span{Start: end.Add(-time.Hour), End: end, Step: 15 * time.Second, Window: 30 * time.Second},
	}
}

func ptr(n int) *int { return &n }

// TestFull advises on a pool that is full: 100 requests a second of 250 ms are offered, 60 are refused.
func TestFull(t *testing.T) {
	full := mesh.LoadMoment{Rate: 100, Refused: 60, Within: 14, Waiting: 4, InFlight: 10, Instances: 1}
	in := asked(level(240, full), mesh.Listener{Port: 80, Protocol: mesh.HTTP, ConnectionPool: &mesh.ConnectionPool{MaxConnections: ptr(10), MaxPendingRequests: ptr(5), MaxRequests: ptr(500)}})
	in.Try = mesh.ConnectionPool{MaxConnections: ptr(30)}
	a := Give(in)
	main := a.Limits[0]
	if main.Name != "maxConnections" || main.Verdict != TooLow || main.Least < 40 || main.Least > 43 || *main.Advised != (3*main.Least+1)/2 || a.Confidence != Good {
		t.Errorf("%+v, %s", main, a.Confidence)
	}
	if a.Limits[1].Name != "maxRequests" || a.Limits[2].Name != "maxPendingRequests" || *a.Limits[2].Advised != PoissonQuantile(0.999, 10) {
		t.Errorf("%+v", a.Limits[1:])
	}
	now, _ := a.Of("now")
	advised, _ := a.Of("advised")
	tried, ok := a.Of("asked")
	if math.Abs(now.Share-0.6) > 0.01 || *now.Counted != 60*3600 || advised.Rejected > 1 || !ok || tried.Rejected != 0 {
		t.Errorf("now %+v, advised %+v, asked %+v", now, advised, tried)
	}
	in.Load.Peak = 500
	if full := Give(in); full.Limits[0].Least != main.Least {
		t.Errorf("the peak of a pool that was full is believed: %+v", full.Limits[0])
	}
	in.Load = level(240, mesh.LoadMoment{Rate: 100, Refused: 60, Repeated: 45, Within: 14, Waiting: 4, InFlight: 10, Instances: 1})
	if again := Give(in); math.Abs(again.Load.Mean-0.55*a.Load.Mean) > 1e-9 || again.Load.Requests != 55*3600 || again.Notes[1].Code != NoteRepeated {
		t.Errorf("45 of 100 are sent again: %+v", again.Load)
	}
	if !a.Changes() || *a.Sides.Now != 10 || len(a.Notes) != 1 || a.Notes[0].Code != NoteOverflow {
		t.Errorf("sides %+v, notes %+v", a.Sides, a.Notes)
	}
}

// TestTooLittle advises nothing without data, and says when to come back.
func TestTooLittle(t *testing.T) {
	some := mesh.LoadMoment{Rate: 5, Within: 1, InFlight: 1, Instances: 1}
	for _, c := range []struct {
		name  string
		load  mesh.Load
		again time.Duration
		code  string
	}{
		{"nothing", mesh.Load{Step: 15 * time.Second}, 2 * time.Minute, NoteNothing},
		{"a proxy without traffic", level(20, mesh.LoadMoment{Instances: 1}), 0, NoteNothing},
		{"half a minute", level(2, some), 90 * time.Second, NoteTooLittle},
		{"few requests", level(20, mesh.LoadMoment{Rate: 0.5, Within: 0.1, Instances: 1}), 5 * time.Minute, NoteTooLittle},
	} {
		a := Give(asked(c.load, mesh.Listener{Port: 80, Protocol: mesh.HTTP}))
		if a.Confidence != TooLittle || time.Duration(a.Again) != c.again || a.Limits[0].Advised != nil || a.Changes() || len(a.Notes) != 1 || a.Notes[0].Code != c.code {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

// TestInstances gives each of three instances its share, and the busiest its own.
func TestInstances(t *testing.T) {
	l := level(240, mesh.LoadMoment{Rate: 300, Within: 30, InFlight: 30, Instances: 3})
	even := Give(asked(l, mesh.Listener{Port: 80, Protocol: mesh.GRPC}))
	if even.Limits[0].Name != "maxRequests" || len(even.Limits) != 1 || math.Abs(even.Load.Mean-10) > 1e-9 || *even.Sides.Advised != 3**even.Limits[0].Advised {
		t.Errorf("%+v", even)
	}
	l.Busiest = 2
	l.Callers = []mesh.LoadCaller{{From: "a", Rate: 100, Within: 11, Proxies: 1}, {From: "b", Rate: 200, Within: 20, Proxies: 2}}
	uneven := Give(asked(l, mesh.Listener{Port: 80, Protocol: mesh.GRPC}))
	if math.Abs(uneven.Load.Mean-20) > 1e-9 || uneven.Limits[0].Least <= even.Limits[0].Least || uneven.Sides.Wanted != 31 || uneven.Callers[0].From != "b" {
		t.Errorf("%+v", uneven)
	}
	l.Peak = 77
	if seen := Give(asked(l, mesh.Listener{Port: 80, Protocol: mesh.GRPC})); seen.Limits[0].Least != 77 {
		t.Errorf("77 were seen, and at least %d are advised", seen.Limits[0].Least)
	}
	wide := mesh.Listener{Port: 80, Protocol: mesh.GRPC, ConnectionPool: &mesh.ConnectionPool{MaxRequests: ptr(100000)}}
	if v := Give(asked(l, wide)).Limits[0].Verdict; v != TooHigh {
		t.Errorf("100,000 is %s", v)
	}
}

// TestStreams counts what lasts by what is in flight: it never ends, so no latency tells of it.
func TestStreams(t *testing.T) {
	a := Give(asked(level(240, mesh.LoadMoment{Rate: 10, Within: 1, InFlight: 41, Instances: 1}), mesh.Listener{Port: 80, Protocol: mesh.GRPC}))
	if a.Limits[0].Least < 55 || !slices.ContainsFunc(a.Notes, func(n Note) bool { return n.Code == NoteUnfinished }) {
		t.Errorf("40 streams: %+v", a)
	}
}

// TestTexts writes every note.
func TestTexts(t *testing.T) {
	for _, code := range Codes() {
		if text := Text(note(code)); text == code || text == "" || strings.HasSuffix(text, ".") {
			t.Errorf("%s has the sentence %q", code, text)
		}
	}
}

// given is a source that has one load.
type given struct {
	load mesh.Load
	err  error
	over mesh.Span
	of   Target
}

func (g *given) Load(_ context.Context, _ string, of Target, over mesh.Span) (mesh.Load, error) {
	g.of, g.over = of, over
	return g.load, g.err
}

func TestFor(t *testing.T) {
	m := mesh.Mesh{Name: "m", Nodes: []mesh.VirtualNode{
		{Name: "one", Listeners: []mesh.Listener{{Port: 80, Protocol: mesh.HTTP}}},
		{Name: "two", Listeners: []mesh.Listener{{Port: 80, Protocol: mesh.HTTP}, {Port: 90, Protocol: mesh.GRPC}}},
		{Name: "none"},
	}}
	now := time.Unix(1_790_000_000, 500)
	source := &given{load: level(240, mesh.LoadMoment{Rate: 10, Within: 1, InFlight: 1, Instances: 1})}
	a, err := For(t.Context(), source, m, Ask{Node: "two", Port: 90, Hours: 24}, now)
	if err != nil || a.Protocol != mesh.GRPC || source.of.Listener.Port != 90 || source.over.Step != 2*time.Minute || source.over.End.Sub(source.over.Start) != 24*time.Hour {
		t.Errorf("%+v %v over %+v", a, err, source.over)
	}
	if _, err := For(t.Context(), source, m, Ask{Node: "one"}, now); err != nil || source.over.Step != 15*time.Second {
		t.Errorf("%v over %+v", err, source.over)
	}
	for _, c := range []struct {
		ask  Ask
		code mesh.Code
	}{
		{Ask{Node: "gone"}, mesh.NotFound},
		{Ask{Node: "none"}, mesh.Invalid},
		{Ask{Node: "two"}, mesh.Invalid},
		{Ask{Node: "two", Port: 1}, mesh.Invalid},
		{Ask{Node: "one", Hours: -1}, mesh.Invalid},
		{Ask{Node: "one", Hours: math.NaN()}, mesh.Invalid},
		{Ask{Node: "one", Hours: 1e6}, mesh.Invalid},
		{Ask{Node: "one", Wait: time.Hour}, mesh.Invalid},
		{Ask{Node: "one", Try: mesh.ConnectionPool{MaxRequests: ptr(0)}}, mesh.Invalid},
	} {
		if _, err := For(t.Context(), source, m, c.ask, now); mesh.CodeOf(err) != c.code {
			t.Errorf("%+v: %v, want %s", c.ask, err, c.code)
		}
	}
	source.err = errors.New("the store is away")
	if _, err := For(t.Context(), source, m, Ask{Node: "one"}, now); !errors.Is(err, source.err) {
		t.Errorf("a broken source: %v", err)
	}
}
