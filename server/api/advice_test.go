package api

import (
	"context"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/advice"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

// busy is a load of 50 requests a second of 400 ms at every node but front, whose store is away.
type busy struct{}

func (busy) Load(_ context.Context, _ string, of advice.Target, over mesh.Span) (mesh.Load, error) {
	if of.Node == "front" {
		return mesh.Load{}, query.Errorf(query.Unavailable, "the store is away")
	}
	l := mesh.Load{Step: over.Step, Busiest: 1}
	for at := over.Start.Add(over.Step); !at.After(over.End); at = at.Add(over.Step) {
		l.Moments = append(l.Moments, mesh.LoadMoment{At: at, Rate: 50, Within: 20, InFlight: 20, Instances: 1})
	}
	return l, nil
}

func TestAdvice(t *testing.T) {
	b := newBench(t, func(b *bench, o *Options) {
		o.Advise = func(ctx context.Context, ask advice.Ask) (advice.Advice, error) {
			current, err := b.door.Mesh(ask.Mesh)
			if err != nil {
				return advice.Advice{}, err
			}
			return advice.For(ctx, busy{}, current.Mesh, ask, time.Now())
		}
	})
	at := "/api/v1/meshes/shop/nodes/"
	check(t, b, []scenario{
		{
			name: "advice", method: "GET", url: at + "reviews-v1/advice?hours=2&wait=200ms&maxConnections=20", status: 200,
			want: `{"node":"reviews-v1","hours":2,"confidence":"good"}`, wantIn: []string{`"advised":53`, `"what":"asked"`, `"maxConnections":20`},
		},
		{name: "no such node", method: "GET", url: at + "nobody/advice", status: 404, wantIn: []string{"nobody"}},
		{name: "no such mesh", method: "GET", url: "/api/v1/meshes/none/nodes/front/advice", status: 404, wantIn: []string{"none"}},
		{name: "too long ago", method: "GET", url: at + "reviews-v1/advice?hours=1000", status: 422, wantIn: []string{"hours"}},
		{name: "no length of time", method: "GET", url: at + "reviews-v1/advice?wait=soon", status: 422, wantIn: []string{"soon"}},
		{name: "a limit of nothing", method: "GET", url: at + "reviews-v1/advice?maxRequests=0", status: 422, wantIn: []string{"maxRequests"}},
		{name: "the store is away", method: "GET", url: at + "front/advice", status: 503, wantIn: []string{"the store is away"}},
	})
}

func TestNoAdvice(t *testing.T) {
	check(t, newBench(t), []scenario{
		{name: "nothing is kept", method: "GET", url: "/api/v1/meshes/shop/nodes/front/advice", status: 503, wantIn: []string{"keeps no numbers"}},
	})
}
