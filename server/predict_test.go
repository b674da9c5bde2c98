package server

import (
	"context"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/plan"
)

// steadily visits the reviews at a rate beside the demo's own load until the test is over. A machine that does not keep up
// gets fewer visits instead of a heap of them.
func (s *shop) steadily(t *testing.T, perSecond int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var visits sync.WaitGroup
	t.Cleanup(func() { stop(); visits.Wait() })
	under := make(chan struct{}, 8)
	visits.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			select {
			case under <- struct{}{}:
				visits.Go(func() { s.look(ctx); <-under })
			default:
			}
		}
	})
}

// look visits the reviews once, whatever becomes of it.
func (s *shop) look(ctx context.Context) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.reviews().url, http.NoBody)
	if err != nil {
		return
	}
	if answer, err := s.http.Do(r); err == nil {
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}
}

// Of what was forecast and what came, the shift of requests differs by less than 5 %: on real Envoys, from the plan that a
// dry run answers with, measured by the ledger itself. What chance alone moves in a minute is allowed where that is more,
// at four standard deviations. Forecasts take callers to go on as they do: when the machine did not keep the load up, it is
// tried again, and that time what came is compared as shares.
func TestForecastAgainstMeasured(t *testing.T) {
	s := openShop(t)
	s.sameMesh(t)
	s.steadily(t, 80)
	for attempt := range 2 {
		came, requests := s.forecastHalf(t)
		forecast, got := 0.0, 0.0
		for _, shift := range came {
			if shift.Measured == nil {
				t.Fatalf("nothing was measured of %+v", shift)
			}
			forecast, got = forecast+shift.RateAfter, got+*shift.Measured
		}
		drift := got / forecast
		if math.Abs(drift-1) <= 0.03 {
			drift = 1
		} else if attempt == 0 {
			t.Logf("the load went from %.1f/s to %.1f/s, so there is nothing to compare", forecast, got)
			continue
		}
		allowed := max(0.05, 4/math.Sqrt(float64(requests))) // of a half, in parts of it
		for _, shift := range came {
			off := *shift.Measured/(shift.RateAfter*drift) - 1
			t.Logf("%s to %s: %.1f/s before, %.1f/s forecast, %.1f/s came: %+.1f %%, of %.1f allowed",
				shift.Route, shift.Node, shift.RateBefore, shift.RateAfter, *shift.Measured, off*100, allowed*100)
			if math.Abs(off) > allowed {
				t.Errorf("%s: forecast and measured differ by %.1f %%", shift.Node, off*100)
			}
		}
		return
	}
}

// forecastHalf sends half of the reviews to each version and back: what was forecast with what came, and of how many requests.
func (s *shop) forecastHalf(t *testing.T) (came []plan.Shift, requests int64) {
	t.Helper()
	half := map[string]int{"reviews-v1": 1, "reviews-v2": 1}
	// The picture that a forecast is made from is of the last thirty seconds, which must have the load in them.
	time.Sleep(35 * time.Second)
	dry, err := s.client.Weights(t.Context(), sample, "reviews/primary", half, client.Ask{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	p := dry.Change.Plan
	if p == nil || p.Proxies == nil || p.Proxies.Total != callersOfReviews || p.Proxies.Connected != 12 || len(p.Refused()) > 0 {
		t.Fatalf("the dry run forecasts %+v", p)
	}
	made, err := s.client.Weights(t.Context(), sample, "reviews/primary", half, client.Ask{Reason: "forecast"})
	if err != nil {
		t.Fatal(err)
	}
	s.programmed(t, made.Change.ID, callersOfReviews)
	var last change.Change
	for _, least := range []time.Duration{30 * time.Second, 55 * time.Second} {
		eventually(t, least.String()+" are measured", func() bool {
			_, c, err := s.client.Change(t.Context(), made.Change.ID)
			if err != nil || c.Plan == nil || c.Observed == nil {
				return false
			}
			last = c
			window, err := time.ParseDuration(c.Observed.Window)
			return err == nil && window >= least
		})
	}
	if len(last.Plan.Shifts) != 2 {
		t.Fatalf("the plan has %+v", last.Plan.Shifts)
	}
	s.undo(t, made.Change.ID, callersOfReviews)
	return last.Plan.Shifts, last.Observed.Requests
}

// What Weir accepts and Envoy does not is refused once a dry run found it out, and Envoy's own words say why.
func TestEnvoyRefusesInADryRun(t *testing.T) {
	s := openShop(t)
	s.sameMesh(t)
	before := s.facts(t)
	const definition = `
mesh: sample_app
routes:
- router: reviews
  name: odd
  protocol: http
  match: {prefix: /, headers: [{name: x-user, regex: '\p{ASCII}+'}]}
  targets: [{node: reviews-v1, weight: 1}]
`
	dry, err := s.client.Apply(t.Context(), "", []byte(definition), client.Ask{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	refused := dry.Change.Plan.Refused()
	if len(refused) == 0 || !strings.Contains(refused[0].Message, `\p{ASCII}`) {
		t.Fatalf("Envoy says %+v; notes: %v", dry.Change.Plan.DryRun, dry.Change.Plan.Notes)
	}
	t.Logf("proxies of %s would say %q", refused[0].For, refused[0].Message)
	if _, err := s.client.Apply(t.Context(), "", []byte(definition), client.Ask{}); err == nil || !strings.Contains(err.Error(), "Envoy refuses the configuration") || !strings.Contains(err.Error(), `\p{ASCII}`) {
		t.Errorf("got %v", err)
	}
	if now := s.facts(t); now.Revision != before.Revision {
		t.Errorf("revision %d of %d after a refusal", now.Revision, before.Revision)
	}
}
