package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/cluster"
	"github.com/weirmesh/weir/server/provider"
)

// installed is what a replica answers of all of them.
func installed(t *testing.T, r *cluster.Replica) (all provider.Installation) {
	t.Helper()
	status, body := get(t, r.URL+"/api/v1/replicas")
	if err := json.Unmarshal([]byte(body), &all); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	return all
}

// A replica that cannot reach the database is not ready and says so, also on its pages; for the others it is lost, and they are
// ready. When it can again, it is there again.
func TestCutOff(t *testing.T) {
	apart(t)
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(t.Context(), cluster.Options{Weir: path, Replicas: 2, Args: []string{"--open"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	a, b := c.Replicas()[0], c.Replicas()[1]
	eventually(t, "both list both, and one of them acts", func() bool {
		for _, r := range []*cluster.Replica{a, b} {
			all, acting := installed(t, r), 0
			for _, each := range all.Items {
				if each.Steward {
					acting++
				}
			}
			if len(all.Items) != 2 || acting != 1 || !all.Database.Reached {
				return false
			}
		}
		return true
	})
	eventually(t, "it is said how far b is with notices", func() bool {
		status, body := get(t, b.URL+"/readyz?verbose")
		return status == http.StatusOK && strings.Contains(body, "[+]lease ok: held by ") && strings.Contains(body, "[+]notices ok: all heard\n")
	})
	b.Cut()
	eventually(t, "b is not ready, and says so", func() bool {
		status, body := get(t, b.URL+"/readyz?verbose")
		_, page := get(t, b.URL+"/sources")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "[-]store") && !installed(t, b).Database.Reached && strings.Contains(page, `data-testid="outage"`)
	})
	eventually(t, "a has lost b, acts and is ready", func() bool {
		all := installed(t, a)
		status, _ := get(t, a.URL+"/readyz")
		return len(all.Items) == 2 && !all.Items[1].Gone.IsZero() && !all.Items[1].Left && all.Items[0].Steward && status == http.StatusOK
	})
	b.Mend()
	eventually(t, "b is there again", func() bool {
		status, _ := get(t, b.URL+"/readyz")
		all := installed(t, a)
		return status == http.StatusOK && len(all.Items) == 2 && all.Items[1].Gone.IsZero() && installed(t, b).Database.Reached
	})
}
