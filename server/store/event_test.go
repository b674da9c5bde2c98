package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/journal"
)

func happening(id int64, at time.Time) journal.Event {
	return journal.Event{
		ID: id, At: at, Mesh: []string{"m", "n"}[id%2], Kind: []journal.Kind{journal.KindChange, journal.KindRollout, journal.KindVerdict}[id%3], Subject: fmt.Sprint("route/r/", id%5), Severity: journal.Warning,
		What: "change.made", With: map[string]string{"summary": "<img onerror> 한국어"}, Text: "ann changed <img onerror> 한국어",
		Detail: "why", Change: "c", Rollout: "r", Proxy: "p",
	}
}

func ids(t *testing.T, s *Store, q journal.Query) string {
	t.Helper()
	list, err := s.Events(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, e := range list {
		text += fmt.Sprint(e.ID, " ")
	}
	return text
}

func TestEventsOutliveTheProcessAndAreFound(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		var all []journal.Event
		for id := int64(1); id <= 12; id++ {
			all = append(all, happening(id, noon.Add(time.Duration(id)*time.Second)))
		}
		if err := s.RecordEvents(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, at)
		list, err := s.Events(t.Context(), journal.Query{Forward: true})
		if err != nil || !cmp.Equal(list, all) {
			t.Errorf("%v %s", err, cmp.Diff(all, list))
		}
		for _, look := range []struct {
			q    journal.Query
			want string
		}{
			{journal.Query{Limit: 3}, "12 11 10 "},
			{journal.Query{Before: 3}, "2 1 "},
			{journal.Query{After: 10}, "11 12 "},
			{journal.Query{Mesh: "m", After: 5}, "6 8 10 12 "},
			{journal.Query{Subject: "route/r/2"}, "12 7 2 "},
			{journal.Query{Kinds: []journal.Kind{journal.KindRollout, journal.KindVerdict}, Limit: 4}, "11 10 8 7 "},
			{journal.Query{Mesh: "none"}, ""},
		} {
			if got := ids(t, s, look.q); got != look.want {
				t.Errorf("%+v: %q, want %q", look.q, got, look.want)
			}
		}
		if err := s.RecordEvents(t.Context(), all[:1]); err == nil {
			t.Error("an event was recorded twice")
		}
	})
}

func TestTheOldestEventsGo(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		if err := s.RecordEvents(t.Context(), []journal.Event{happening(1, noon), happening(2, noon.Add(29*24*time.Hour)), happening(3, noon.Add(31*24*time.Hour))}); err != nil {
			t.Fatal(err)
		}
		if got := ids(t, s, journal.Query{}); got != "3 2 " {
			t.Errorf("after 31 days there are %q", got)
		}
		if err := s.RecordEvents(t.Context(), []journal.Event{happening(maxEvents+2, noon.Add(31*24*time.Hour)), happening(maxEvents+3, noon.Add(31*24*time.Hour))}); err != nil {
			t.Fatal(err)
		}
		if got, want := ids(t, s, journal.Query{}), fmt.Sprintf("%d %d ", maxEvents+3, maxEvents+2); got != want {
			t.Errorf("of more than %d there are %q, want %q", maxEvents, got, want)
		}
	})
}
