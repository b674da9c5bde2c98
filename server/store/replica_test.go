package store

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/ent"
	"github.com/weirmesh/weir/server/fleet"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/registry"
)

// replicaOf opens a database under the name of a replica.
func replicaOf(t *testing.T, at, name string) *Store {
	t.Helper()
	o := options(at)
	o.Replica = name
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	at := postgresServer(t).Database(t, template)
	a, b := replicaOf(t, at, "a").Replicas(), replicaOf(t, at, "b").Replicas()
	started := time.Now().UTC().Truncate(time.Second)
	row := fleet.Row{ID: "1", Name: "a", Version: "v1", Started: started, StateSeq: 1, State: []byte("one")}
	now, err := a.SaveReplica(t.Context(), row)
	if err != nil || now.IsZero() {
		t.Fatal(now, err)
	}
	row.StateSeq, row.State = 9, nil // it lives, and has nothing new to say
	if _, err := a.SaveReplica(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.SaveCounts(t.Context(), "1", 4, []byte("four")); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.SaveCounts(t.Context(), "nobody", 4, []byte("four")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.SaveReplica(t.Context(), fleet.Row{ID: "0", Name: "b", Started: started, StateSeq: 1, State: []byte{}}); err != nil {
		t.Fatal(err)
	}
	rows, err := b.Replicas(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if rows[i].Age < 0 || rows[i].Age > time.Minute {
			t.Errorf("%s is %s old", rows[i].Name, rows[i].Age)
		}
		rows[i].Age, rows[i].Started = 0, rows[i].Started.UTC()
	}
	want := []fleet.Row{
		{ID: "1", Name: "a", Version: "v1", Started: started, StateSeq: 1, CountsSeq: 4},
		{ID: "0", Name: "b", Started: started, StateSeq: 1},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, counts := range []bool{false, true} {
		seq, document, err := b.Document(t.Context(), "1", counts)
		if want := map[bool]string{false: "1 one", true: "4 four"}[counts]; err != nil || string(rune('0'+seq))+" "+string(document) != want {
			t.Errorf("%d %q %v, want %s", seq, document, err, want)
		}
	}
	if _, _, err := b.Document(t.Context(), "7", true); mesh.CodeOf(err) != mesh.NotFound {
		t.Error(err)
	}
}

func TestReplicasGo(t *testing.T) {
	t.Parallel()
	s := replicaOf(t, postgresServer(t).Database(t, template), "a")
	for _, id := range []string{"old", "older", "mine", "other"} {
		if _, err := s.Replicas().SaveReplica(t.Context(), fleet.Row{ID: id, Name: id, Started: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.write.ExecContext(t.Context(), "UPDATE replicas SET at = at - interval '2 hours' WHERE id LIKE 'old%'"); err != nil {
		t.Fatal(err)
	}
	if err := s.Replicas().DropReplicas(t.Context(), "mine", time.Hour); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Replicas().Replicas(t.Context())
	if err != nil || len(rows) != 1 || rows[0].ID != "other" {
		t.Errorf("%+v, %v; want only the other one", rows, err)
	}
}

// What replicas tell each other, and instances, are written while somebody holds the ledger.
func TestReplicasWhileTheLedgerIsBusy(t *testing.T) {
	t.Parallel()
	s := replicaOf(t, postgresServer(t).Database(t, template), "a")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := s.transact(ctx, "write", func(*ent.Tx) error {
		if _, err := s.Replicas().SaveReplica(ctx, fleet.Row{ID: "1", Name: "a", Started: time.Now(), State: []byte("x")}); err != nil {
			return err
		}
		if err := s.Replicas().SaveCounts(ctx, "1", 1, []byte("x")); err != nil {
			return err
		}
		return s.SaveInstances(ctx, []registry.Record{{Mesh: "m", Node: "n", Instance: registry.Instance{ID: "1", Address: "::1"}}})
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSQLiteHasNoReplicas(t *testing.T) {
	t.Parallel()
	if table := open(t, t.TempDir()).Replicas(); table != nil {
		t.Errorf("%v, want nil", table)
	}
}

// A replica replaces what it saved itself; of an instance that two saved the newest counts; what a replica saved that has been
// gone for a day goes.
func TestInstancesOfReplicas(t *testing.T) {
	t.Parallel()
	at := postgresServer(t).Database(t, template)
	a, b := replicaOf(t, at, "a"), replicaOf(t, at, "b")
	for _, name := range []string{"a", "b"} {
		if _, err := a.Replicas().SaveReplica(t.Context(), fleet.Row{ID: name, Name: name, Started: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	record := func(id, address string) registry.Record {
		return registry.Record{Mesh: "m", Node: "n", Instance: registry.Instance{ID: id, Address: address, Ports: map[int]int{80: 15000}}}
	}
	save := func(s *Store, all ...registry.Record) {
		t.Helper()
		if err := s.SaveInstances(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
	age := func(replica string) {
		t.Helper()
		if _, err := a.write.ExecContext(t.Context(), "UPDATE instances SET seen = seen - interval '25 hours' WHERE replica = $1", replica); err != nil {
			t.Fatal(err)
		}
	}
	want := func(list ...string) {
		t.Helper()
		all, err := b.Instances(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range all {
			got = append(got, r.Instance.ID+" "+r.Instance.Address)
		}
		if !slices.Equal(got, list) {
			t.Errorf("%q, want %q", got, list)
		}
	}
	save(a, record("1", "10.0.0.1"), record("2", "10.0.0.2"))
	save(b, record("2", "10.9.9.9"), record("3", "10.0.0.3"))
	want("1 10.0.0.1", "2 10.9.9.9", "3 10.0.0.3")
	save(a, record("2", "10.0.0.2")) // it says the same as before, so it knows nothing newer
	want("2 10.9.9.9", "3 10.0.0.3")
	save(a, record("2", "10.0.0.4"))
	want("2 10.0.0.4", "3 10.0.0.3")

	age("a")
	save(b, record("3", "10.0.0.3"))
	want("2 10.0.0.4", "3 10.0.0.3") // a lives
	if err := a.Replicas().DropReplicas(t.Context(), "a", time.Hour); err != nil {
		t.Fatal(err)
	}
	save(b, record("3", "10.0.0.3"))
	want("3 10.0.0.3")
	save(b)
	want()
}
