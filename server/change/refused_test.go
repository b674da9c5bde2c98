package change_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// refusal is what a proxy says that ran everything before.
func refusal(proxy string) provider.Rejection {
	return provider.Rejection{Proxy: proxy, Message: "address already in use", Caused: true}
}

func TestRefusedIsTakenBack(t *testing.T) {
	for _, within := range []time.Duration{0, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, t.TempDir(), newProvider("a", "b"))
			r.create(t)
			time.Sleep(time.Minute)
			r.provider.auto = false
			p := put(weights(50, 50))
			p.ConfirmWithin = within
			c := r.must(t, p)
			r.provider.answer(2, 1)
			synctest.Wait()
			if got := r.get(t, c.ID); got.UndoneBy != "" {
				t.Fatalf("taken back by %s before anybody refused it", got.UndoneBy)
			}
			r.provider.answer(2, 1, refusal("b"))
			synctest.Wait() // without the clock moving
			got := r.get(t, c.ID)
			back := r.get(t, got.UndoneBy)
			want := change.Undone
			if within > 0 {
				want = change.Reverted
			}
			if got.State != want || back.Author != "weir" || !strings.Contains(back.Reason, "b refused it: address already in use") || back.Undoes != c.ID {
				t.Errorf("the change is %s; taken back by %+v", got.State, back)
			}
			if now := r.current(t); !sameRoute(now, weights(75, 25)) {
				t.Errorf("the mesh is %+v", now)
			}
			// What is refused as well is not taken back again.
			r.provider.answer(3, 1, refusal("b"))
			time.Sleep(time.Minute)
			if again := r.get(t, back.ID); again.UndoneBy != "" || again.State != change.Kept {
				t.Errorf("the taking back is %s by %s", again.State, again.UndoneBy)
			}
		})
	}
}

func (r *rig) current(t *testing.T) mesh.Mesh {
	t.Helper()
	m, err := r.Mesh("m")
	if err != nil {
		t.Fatal(err)
	}
	return m.Mesh
}

func sameRoute(m mesh.Mesh, want mesh.Route) bool {
	o, ok := m.Get(primary)
	if !ok {
		return false
	}
	got := o.(mesh.Route)
	return len(got.Targets) == 2 && got.Targets[0] == want.Targets[0] && got.Targets[1] == want.Targets[1]
}

func TestRefusedStays(t *testing.T) {
	for name, stays := range map[string]struct {
		refusal provider.Rejection
		after   time.Duration
		also    func(t *testing.T, r *rig) // before the refusal
	}{
		"a proxy that was broken before": {refusal: provider.Rejection{Proxy: "b", Message: "no"}},
		"long ago":                       {refusal: refusal("b"), after: 3 * time.Minute},
		"somebody built on it": {refusal: refusal("b"), also: func(t *testing.T, r *rig) {
			r.must(t, put(weights(40, 60)))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, t.TempDir(), newProvider("a", "b"))
				r.create(t)
				time.Sleep(time.Minute)
				r.provider.auto = false
				c := r.must(t, put(weights(50, 50), mesh.VirtualNode{Name: "extra"}))
				time.Sleep(stays.after)
				if stays.also != nil {
					stays.also(t, r)
				}
				r.provider.answer(2, 1, stays.refusal)
				time.Sleep(30 * time.Second)
				got := r.get(t, c.ID)
				if got.UndoneBy != "" || got.State != change.Kept {
					t.Errorf("the change is %s, by %q", got.State, got.UndoneBy)
				}
				if said := strings.Contains(got.Note, "could not be taken back: route reviews/primary was changed by ann"); said != (stays.also != nil) {
					t.Errorf("it says %q", got.Note)
				}
			})
		})
	}
}

// Whoever follows the changes next takes back what the one before saw refused and did not get to.
func TestRefusedIsTakenBackAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, p := t.TempDir(), newProvider("a", "b")
		r := newRig(t, dir, p)
		r.create(t)
		p.auto = false
		c := r.must(t, put(weights(50, 50)))
		p.answer(2, 1)
		time.Sleep(2 * time.Second)
		r.stop()
		p.answer(2, 1, refusal("b"))
		r = newRig(t, dir, p)
		time.Sleep(5 * time.Second)
		if got := r.get(t, c.ID); got.State != change.Undone {
			t.Errorf("the change is %s: %+v", got.State, got.Programmed)
		}
	})
}
