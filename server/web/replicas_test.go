package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// ensemble is an installation that stands still.
type ensemble struct{ provider.Installation }

func (e *ensemble) Replicas(context.Context) provider.Installation { return e.Installation }

func (e *ensemble) Here() (provider.Database, provider.Replica) { return e.Database, e.Items[0] }

// alone is one process with a database of its own.
func alone() *ensemble {
	return &ensemble{provider.Installation{
		Database: provider.Database{Reached: true},
		Items:    []provider.Replica{{Name: "node-1 127.0.0.1:8080", ID: "35a", Version: "v0.9.0", Started: noon().Add(-3 * time.Hour), Proxies: 9, Here: true, Steward: true}},
	}}
}

// replicated is the sample behind three replicas in the midst of an upgrade, and two that went: one with proxies that did not
// come back.
func replicated() *world {
	w := newWorld()
	e := &ensemble{provider.Installation{Database: provider.Database{Shared: true, Reached: true, Heard: noon(), Others: 2}}}
	live := func(name, version string, proxies int) provider.Replica {
		return provider.Replica{Name: name, ID: "35a-" + name, Version: version, Started: noon().Add(-26 * time.Hour), Age: 0.4, Proxies: proxies}
	}
	gone := live("weir-4", "v0.9.0", 7)
	gone.Gone, gone.Age, gone.Missing = noon().Add(-2*time.Minute), 123, append([]string{"web-1", "web-2"}, monsters()...)
	left := live("weir-5", "v0.9.0", 3)
	left.Gone, left.Age, left.Left = noon().Add(-4*time.Minute), 241, true
	e.Items = []provider.Replica{live("weir-1", "v0.9.1", 4), live("weir-2", "v0.9.0", 3), live(monsters()[0], "v0.9.0", 1200), gone, left}
	e.Items[0].Here, e.Items[0].Started, e.Items[1].Steward = true, noon().Add(-time.Minute), true
	w.replicas = e
	return w
}

// cutOff is the same while the database is out of reach.
func cutOff() *world {
	w := replicated()
	w.replicas.Database = provider.Database{Shared: true, Heard: noon().Add(-8 * time.Minute), Others: 2}
	w.replicas.Items[1].Steward = false
	w.fail = mesh.Errorf(mesh.Unavailable, "the database does not answer")
	return w
}

func TestReplicasOnPage(t *testing.T) {
	b := open(t, replicated())
	card := b.get("/sources", http.StatusOK).Find(id("replicas"))
	if card.Find(id("replica-row")).Length() != 5 || card.Find(id("mixed")).Length() != 1 || card.Find(id("nobody-acts")).Length() != 0 {
		t.Errorf("the card says %q", text(card))
	}
	rows := card.Find(id("replica-row"))
	for i, want := range []string{"lives weir-1 answers this page", "lives weir-2 acts", "lives", "lost weir-4 7 of its proxies are connected nowhere since: and 2 more web-1 web-2", "stopped weir-5 All of its proxies"} {
		if said := text(rows.Eq(i)); !strings.HasPrefix(said, want) {
			t.Errorf("row %d says %q, want %q", i, said, want)
		}
	}

	w := newWorld()
	said := text(open(t, w).get("/sources", http.StatusOK).Find(id("replicas")))
	if !strings.Contains(said, "node-1 127.0.0.1:8080 is the only one.") || strings.Contains(said, "upgrade") {
		t.Errorf("one process says %q", said)
	}
}

// While the database is out of reach, every page says so, what works and what does not; a page that was open hears of it, and
// hears that it is over.
func TestOutage(t *testing.T) {
	w := cutOff()
	b := open(t, w)
	for _, address := range []string{"/", "/topology", "/services/ratings", "/proxies", "/sources", "/config/route/reviews/primary/edit", "/history"} {
		answer := b.do(http.MethodGet, address, nil)
		said := text(b.read(answer, address, answer.Code).Find(id("outage")))
		for _, want := range []string{"The database is out of reach", "11:52", "Traffic is untouched", "the 4 proxies of this replica", "other replicas", "nothing can be changed and nobody can sign in"} {
			if !strings.Contains(said, want) {
				t.Errorf("%s (%d) says %q, want %q", address, answer.Code, said, want)
			}
		}
	}
	if said := text(b.get("/sources", http.StatusOK).Find(id("replica-row")).Eq(1)); !strings.HasPrefix(said, "not known weir-2") {
		t.Errorf("a replica that nobody heard since says %q", said)
	}
	src, _ := b.get("/services", http.StatusOK).Find("body > weir-refresh").Attr("src")
	if text(b.get(src, http.StatusOK).Find(id("outage"))) == "" {
		t.Error("a page that is open does not hear of it")
	}
	w.replicas.Database.Reached = true
	if said := text(b.get(src, http.StatusOK).Find(id("outage"))); said != "" {
		t.Errorf("it is over, and the page says %q", said)
	}
}
