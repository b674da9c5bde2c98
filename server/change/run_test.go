package change_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// In these tests time stands still unless everything waits for it; the store is a real one all the same.

func TestProgrammedFollowsTheProxies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), newProvider("a", "b", "c"))
		r.provider.auto = false
		c := r.create(t)
		synctest.Wait()
		if got := r.get(t, c.ID).Programmed; got == nil || got.Total != 3 || got.Acked != 0 || got.At != nil || got.Rejected == nil {
			t.Errorf("sent: %+v", got)
		}
		time.Sleep(time.Minute)
		r.provider.answer(1, 1)
		synctest.Wait() // without the clock moving: the provider wakes the door
		if got := r.get(t, c.ID).Programmed; got.Acked != 1 || got.At != nil {
			t.Errorf("one answered: %+v", got)
		}
		r.provider.answer(1, 2, provider.Rejection{Proxy: "c", Message: "no"})
		synctest.Wait()
		got := r.get(t, c.ID).Programmed
		if got.Acked != 2 || got.At == nil || !got.At.Equal(time.Now()) || !cmp.Equal(got.Rejected, []provider.Rejection{{Proxy: "c", Message: "no"}}) {
			t.Errorf("all answered: %+v", got)
		}
		stored := func() *change.Programmed {
			records, err := r.store.Records(t.Context(), change.Query{ID: c.ID})
			if err != nil {
				t.Fatal(err)
			}
			return records[0].Change.Programmed
		}
		time.Sleep(2 * time.Second)
		if diff := cmp.Diff(got, stored()); diff != "" {
			t.Errorf("the store knows something else (-want +got):\n%s", diff)
		}
	})
}

func TestNobodyNeededItAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), newProvider())
		c := r.create(t)
		time.Sleep(2 * time.Second)
		if got := r.get(t, c.ID).Programmed; got == nil || got.Total != 0 || got.At == nil {
			t.Errorf("got %+v", got)
		}
		r.provider.join(1, 2) // the first proxies connect
		synctest.Wait()
		if got := r.get(t, c.ID).Programmed; got.Total != 2 || got.Acked != 0 || got.At != nil {
			t.Errorf("two connected: %+v", got)
		}
		r.provider.answer(1, 2)
		synctest.Wait()
		if got := r.get(t, c.ID).Programmed; got.Acked != 2 || got.At == nil {
			t.Errorf("two answered: %+v", got)
		}
		late := r.must(t, put(mesh.VirtualNode{Name: "extra"}))
		time.Sleep(5 * time.Minute)
		r.provider.join(2, 2)
		synctest.Wait()
		if got := r.get(t, late.ID).Programmed; got.Total != 0 || got.At == nil {
			t.Errorf("five minutes later it is no news any more: %+v", got)
		}
	})
}

// serve sends traffic by the route's weights, reported twice a second, until the context ends.
func (r *rig) serve(ctx context.Context, v1, v2 float64) {
	for ctx.Err() == nil {
		now := time.Now()
		r.traffic.send(now, "web", "reviews-v1", v1, 0)
		r.traffic.send(now, "web", "reviews-v2", v2, 0)
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func TestObservedConverges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := newRig(t, dir, newProvider("web"))
		r.create(t)
		before, cancel := context.WithCancel(t.Context())
		go r.serve(before, 30, 10)
		time.Sleep(20 * time.Second)
		cancel()
		sub := r.Events().Subscribe(1000)
		c := r.must(t, put(weights(50, 50)))
		ctx, cancel := context.WithCancel(t.Context())
		go r.serve(ctx, 20, 20)
		time.Sleep(12 * time.Second)
		got := r.get(t, c.ID).Observed
		if got == nil || got.Agrees == nil || !*got.Agrees || got.Note != "" || got.Requests < 800 || got.Requests > 960 {
			t.Fatalf("observed %+v", got)
		}
		if s := got.Shares["reviews-v2"]; s.Want != 0.5 || s.Got != 0.5 || s.Low > 0.5 || s.High < 0.5 || s.High-s.Low > 0.1 {
			t.Errorf("share %+v", s)
		}
		time.Sleep(2 * time.Minute)
		final := r.get(t, c.ID).Observed
		if final.Window != "60s" && final.Window != "61s" {
			t.Errorf("measured for %s, want a minute", final.Window)
		}
		if n := len(sub.C); n < 100 || n > 160 {
			t.Errorf("%d events for a minute of two reports a second", n)
		}
		sub.Close()
		// A restart in the middle of another measurement keeps what was found out until it knows as much again.
		next := r.must(t, put(weights(1, 3)))
		cancel()
		ctx, cancel = context.WithCancel(t.Context())
		go r.serve(ctx, 10, 30)
		time.Sleep(20 * time.Second)
		cancel()
		synctest.Wait()
		known := r.get(t, next.ID).Observed
		r.stop()
		r = newRig(t, dir, newProvider("web"))
		time.Sleep(2 * time.Minute)
		if got := r.get(t, next.ID).Observed; known.Agrees == nil || cmp.Diff(known, got) != "" {
			t.Errorf("after a restart without traffic: %s", cmp.Diff(known, got))
		}
		r.stop()
		if again := newRig(t, dir, newProvider("web")).get(t, c.ID); cmp.Diff(final, again.Observed) != "" {
			t.Errorf("after a restart: %s", cmp.Diff(final, again.Observed))
		}
	})
}

func TestObservationEndsWithTheNextChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), newProvider("web"))
		r.create(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go r.serve(ctx, 20, 20)
		time.Sleep(5 * time.Second)
		first := r.must(t, put(weights(50, 50)))
		time.Sleep(10 * time.Second)
		second := r.must(t, put(weights(0, 100)))
		seen := r.get(t, first.ID).Observed
		if seen == nil || seen.Agrees == nil {
			t.Fatalf("observed %+v", seen)
		}
		time.Sleep(20 * time.Second)
		if got := r.get(t, first.ID); cmp.Diff(seen, got.Observed) != "" || got.State != change.Superseded {
			t.Errorf("the first is %s, observed %s", got.State, cmp.Diff(seen, got.Observed))
		}
		if got := r.get(t, second.ID).Observed; got.Agrees == nil || *got.Agrees {
			t.Errorf("half of the traffic goes where none should: %+v", got)
		}
	})
}

func TestDeadlineReverts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), newProvider("web"))
		r.create(t)
		p := put(weights(50, 50))
		p.ConfirmWithin = time.Minute
		c := r.must(t, p)
		time.Sleep(time.Minute - time.Millisecond)
		if got := r.get(t, c.ID); got.State != change.Pending {
			t.Errorf("%s before the deadline", got.State)
		}
		time.Sleep(time.Second)
		got := r.get(t, c.ID)
		if got.State != change.Reverted || got.UndoneBy == "" {
			t.Fatalf("after the deadline: %+v", got)
		}
		by := r.get(t, got.UndoneBy)
		if by.Author != "weir" || by.Undoes != c.ID || !strings.Contains(by.Reason, "not confirmed") || by.Accepted.Revision != 3 {
			t.Errorf("reverted by %+v", by)
		}
		if late := by.At.Sub(*c.ConfirmBy); late < 0 || late > 2*time.Second {
			t.Errorf("reverted %v after its deadline", late)
		}
		if got := r.provider.newest("m"); got.Revision != 3 || !cmp.Equal(got.Mesh.Routes[0], weights(75, 25)) {
			t.Errorf("the provider has %+v", got.Mesh.Routes)
		}
		if _, err := r.Confirm(t.Context(), c.ID, bob); mesh.CodeOf(err) != mesh.Conflict {
			t.Errorf("confirmed too late: %v", err)
		}
	})
}

func TestDeadlinePassesWhileWeirIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := newRig(t, dir, newProvider("web"))
		r.create(t)
		p := put(weights(50, 50))
		p.ConfirmWithin = time.Minute
		c := r.must(t, p)
		p = put(mesh.VirtualNode{Name: "extra"})
		p.ConfirmWithin = time.Hour
		later := r.must(t, p)
		r.stop()
		time.Sleep(10 * time.Minute)
		r = newRig(t, dir, newProvider("web"))
		time.Sleep(2 * time.Second)
		if got := r.get(t, c.ID); got.State != change.Reverted {
			t.Errorf("two seconds after the restart it is %s", got.State)
		}
		if got := r.get(t, later.ID); got.State != change.Pending {
			t.Errorf("the one with time left is %s", got.State)
		}
		time.Sleep(time.Hour)
		if got := r.get(t, later.ID); got.State != change.Reverted {
			t.Errorf("an hour later it is %s", got.State)
		}
	})
}

func TestConfirmedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), newProvider("web"))
		r.create(t)
		p := put(weights(50, 50))
		p.ConfirmWithin = time.Minute
		c := r.must(t, p)
		time.Sleep(30 * time.Second)
		if _, err := r.Confirm(t.Context(), c.ID, bob); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if got := r.get(t, c.ID); got.State != change.Kept || got.Observed == nil {
			t.Errorf("got %+v", got)
		}
	})
}

func TestDeadlineTakesBackOnlyWhatNobodyTouchedSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), newProvider("web"))
		r.create(t)
		extra := mesh.VirtualNode{Name: "extra"}
		p := put(weights(50, 50), extra)
		p.ConfirmWithin = time.Minute
		c := r.must(t, p)
		r.must(t, put(weights(10, 90)))
		time.Sleep(2 * time.Minute)
		if got := r.get(t, c.ID); got.State != change.Reverted {
			t.Errorf("it is %s", got.State)
		}
		if o, err := r.Object("m", primary); err != nil || !cmp.Equal(o.Object, mesh.Object(weights(10, 90))) {
			t.Errorf("the later change was overwritten: %+v, %v", o, err)
		}
		if _, err := r.Object("m", extra.Ref()); mesh.CodeOf(err) != mesh.NotFound {
			t.Errorf("the unconfirmed rest stands: %v", err)
		}
		// And when the rest cannot be taken back by itself, because others have come to need it.
		needed := sample().Put[2].(mesh.VirtualNode)
		needed.Name = "needed"
		p = put(needed, weights(1, 2))
		p.ConfirmWithin = time.Minute
		c = r.must(t, p)
		r.must(t, put(weights(2, 3), mesh.VirtualService{Name: "new", Node: "needed"}))
		time.Sleep(2 * time.Minute)
		if got := r.get(t, c.ID); got.State != change.Superseded {
			t.Errorf("it is %s", got.State)
		}
		r.stop()
		if got := newRig(t, r.dir, newProvider("web")).get(t, c.ID); got.State != change.Superseded {
			t.Errorf("after a restart it is %s", got.State)
		}
	})
}

func TestRestartHandsTheNewestStateToTheProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := newRig(t, dir, newProvider("a", "b"))
		created := r.create(t)
		time.Sleep(5 * time.Minute)
		programmed := r.get(t, created.ID).Programmed
		r.provider.auto = false
		c := r.must(t, put(weights(50, 50)))
		r.provider.answer(2, 1)
		time.Sleep(2 * time.Second)
		r.stop()
		p := newProvider("a", "b")
		p.auto, p.proxies = false, nil // they have yet to come back
		r = newRig(t, dir, p)
		if got := p.newest("m"); got.Revision != 2 || !cmp.Equal(got.Mesh.Routes[0], weights(50, 50)) {
			t.Errorf("the provider got %+v", got)
		}
		time.Sleep(10 * time.Second)
		if got := r.get(t, c.ID).Programmed; got.Acked != 1 || got.Total != 2 || got.At != nil {
			t.Errorf("before the proxies are back: %+v", got)
		}
		p.join(2, 2)
		p.answer(2, 2)
		synctest.Wait()
		if got := r.get(t, c.ID).Programmed; got.Acked != 2 || got.At == nil {
			t.Errorf("when they are: %+v", got)
		}
		if diff := cmp.Diff(programmed, r.get(t, created.ID).Programmed); diff != "" {
			t.Errorf("what was known before the restart (-want +got):\n%s", diff)
		}
	})
}
