package store

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store/postgrestest"
)

// durable is a PostgreSQL that writes before it acknowledges.
func durable(t *testing.T) *postgrestest.Server {
	t.Helper()
	server, err := postgrestest.Start(postgrestest.Options{Durable: true, Own: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func TestDatabaseCrashes(t *testing.T) {
	t.Parallel()
	server := durable(t)
	t.Run("with its writer", func(t *testing.T) { crashWithWriter(t, server) })
	t.Run("under its writer", func(t *testing.T) { crashUnderWriter(t, server) })
}

// crashWithWriter kills the writer and has its database end without another word: what was acknowledged is there, and
// nothing is half there.
func crashWithWriter(t *testing.T, server *postgrestest.Server) {
	at := server.Database(t, "")
	crashes := 5
	if more, err := strconv.Atoi(os.Getenv("WEIR_TEST_KILLS")); err == nil {
		crashes = more
	}
	var acknowledged int64
	for round := range crashes {
		acknowledged = runAndKill(t, at, acknowledged, 3*(round%8)+1, time.Duration(round%8)*300*time.Microsecond)
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
		checkLedger(t, at, acknowledged)
	}
	t.Logf("%d kills with a crash of the database, %d acknowledged changes, none lost", crashes, acknowledged)
}

// attempt is what became of one change.
type attempt struct {
	id  string
	err error
}

// crashUnderWriter has the database crash under a writer that lives: it is told of each change what became of it, and that
// is true.
func crashUnderWriter(t *testing.T, server *postgrestest.Server) {
	s := open(t, server.Database(t, ""))
	stop := make(chan struct{})
	var made []attempt
	var writing sync.WaitGroup
	var mu sync.Mutex
	acknowledged := 0
	writing.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			var base int64
			if meshes, err := s.Meshes(t.Context()); err != nil {
				if mesh.CodeOf(err) != mesh.Unavailable {
					t.Error(err)
				}
				time.Sleep(5 * time.Millisecond)
				continue
			} else if len(meshes) > 0 {
				base = meshes[0].Revision
			}
			id := fmt.Sprintf("%010d", n)
			_, err := s.Append(t.Context(), base, record(id, base+1))
			mu.Lock()
			made = append(made, attempt{id, err})
			if err == nil {
				acknowledged++
			}
			mu.Unlock()
		}
	})
	for range 5 {
		mu.Lock()
		want := acknowledged + 20
		mu.Unlock()
		for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			mu.Lock()
			enough := acknowledged >= want
			mu.Unlock()
			if enough {
				break
			}
			if time.Now().After(end) {
				t.Fatal("the writer did not come back")
			}
		}
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	writing.Wait()
	checkAttempts(t, s, made)
}

// checkAttempts compares what a writer was told with what is there.
func checkAttempts(t *testing.T, s *Store, made []attempt) {
	t.Helper()
	records, err := s.Records(t.Context(), change.Query{Limit: 1 << 20, NoEdits: true})
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for i, r := range records {
		there[r.Change.ID] = true
		if want := int64(len(records) - i); r.Change.Accepted.Revision != want {
			t.Fatalf("revision %d where %d belongs", r.Change.Accepted.Revision, want)
		}
	}
	recorded, refused, unknown := 0, 0, 0
	for _, a := range made {
		switch {
		case a.err == nil:
			recorded++
			if !there[a.id] {
				t.Errorf("%s was acknowledged and is gone", a.id)
			}
		case strings.Contains(a.err.Error(), "not known"):
			unknown++
		default:
			refused++
			if there[a.id] {
				t.Errorf("%s is there, and its writer was told: %v", a.id, a.err)
			}
			if mesh.CodeOf(a.err) != mesh.Unavailable {
				t.Errorf("%s: %v", a.id, a.err)
			}
		}
	}
	t.Logf("%d recorded, %d refused, of %d nobody knows", recorded, refused, unknown)
	if unknown > 0 {
		t.Errorf("of %d changes nobody knows what became of them", unknown)
	}
}
