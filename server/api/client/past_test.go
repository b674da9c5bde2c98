package client_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/mesh"
)

func TestReadingThePast(t *testing.T) {
	ctx := t.Context()
	for _, test := range []struct {
		name string
		do   func(*client.Client) error
		want asked
	}{
		{"difference", func(c *client.Client) error { _, err := c.DiffRaw(ctx, "m x", "-1h", "", "1m"); return err }, asked{Method: "GET", Path: "/api/v1/meshes/m%20x/graph/diff", Query: "from=-1h&window=1m"}},
		{"question", func(c *client.Client) error {
			_, err := c.QueryRaw(ctx, client.Question{Expr: "a + b", At: "7", Source: "s"})
			return err
		}, asked{Method: "GET", Path: "/api/v1/query", Query: "query=a+%2B+b&source=s&time=7"}},
		{"question over a range", func(c *client.Client) error {
			_, err := c.QueryRaw(ctx, client.Question{Expr: "a", Start: "1", End: "2", Step: "15s"})
			return err
		}, asked{Method: "GET", Path: "/api/v1/query_range", Query: "end=2&query=a&start=1&step=15s"}},
		{"sources", func(c *client.Client) error { _, err := c.Sources(ctx); return err }, asked{Method: "GET", Path: "/api/v1/sources"}},
		{"targets", func(c *client.Client) error { _, err := c.Targets(ctx); return err }, asked{Method: "GET", Path: "/api/v1/targets"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, got := serve(t, http.StatusOK, `{"items":[]}`)
			if err := test.do(c); err != nil {
				t.Fatal(err)
			}
			test.want.Token, test.want.Accept = "Bearer secret", "application/json"
			if diff := cmp.Diff(test.want, *got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRefusalsAsAPrometheus reads errors in the other shape that the server has.
func TestRefusalsAsAPrometheus(t *testing.T) {
	for _, r := range []struct {
		status int
		kind   string
		code   mesh.Code
	}{
		{400, "bad_data", mesh.Invalid},
		{422, "execution", mesh.Invalid},
		{404, "not_found", mesh.NotFound},
		{500, "internal", mesh.Internal},
		{503, "timeout", mesh.Unavailable},
	} {
		c, _ := serve(t, r.status, `{"status":"error","errorType":"`+r.kind+`","error":"so\nit is"}`)
		_, err := c.QueryRaw(t.Context(), client.Question{Expr: "x"})
		if mesh.CodeOf(err) != r.code || err.Error() != "so it is" {
			t.Errorf("%d: %v (%s)", r.status, err, mesh.CodeOf(err))
		}
	}
}
