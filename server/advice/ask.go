package advice

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Source gives what was recorded of a node's load. Errors are for people; one without any record gives an empty load.
type Source interface {
	Load(ctx context.Context, meshName string, of Target, over mesh.Span) (mesh.Load, error)
}

// Target is what a load is of: a listener's application.
type Target struct {
	Node     string
	Listener mesh.Listener
}

// The limits of what may be asked.
const (
	mostHours = 168
	mostWait  = time.Minute
	moments   = 720 // at most
	leastStep = 15 * time.Second
	leastOver = 30 * time.Second // that rates are taken over
)

// Ask is a question for advice.
type Ask struct {
	Mesh, Node string
	Port       int           // zero: the node's only listener
	Hours      float64       // that are looked at, up to 168; zero: 1
	Wait       time.Duration // that a request may wait for a connection; zero: DefaultWait
	Try        mesh.ConnectionPool
}

// For answers a question for advice about a node as it is configured. Errors are for people: mesh.Invalid and
// mesh.NotFound for what was asked, others from the source.
func For(ctx context.Context, from Source, m mesh.Mesh, ask Ask, now time.Time) (Advice, error) {
	if ask.Hours == 0 {
		ask.Hours = 1
	}
	if ask.Wait == 0 {
		ask.Wait = DefaultWait
	}
	if !(ask.Hours >= 0.1 && ask.Hours <= mostHours) {
		return Advice{}, mesh.Errorf(mesh.Invalid, "hours %v: from 0.1 to %d", ask.Hours, mostHours)
	}
	if ask.Wait < time.Millisecond || ask.Wait > mostWait {
		return Advice{}, mesh.Errorf(mesh.Invalid, "wait %v: from 1ms to %v", ask.Wait, mostWait)
	}
	for _, limit := range []*int{ask.Try.MaxConnections, ask.Try.MaxPendingRequests, ask.Try.MaxRequests} {
		if limit != nil && *limit < 1 {
			return Advice{}, mesh.Errorf(mesh.Invalid, "a limit of %d refuses everything: at least 1", *limit)
		}
	}
	node, ok := m.Node(ask.Node)
	if !ok {
		return Advice{}, mesh.Errorf(mesh.NotFound, "node %s: mesh %s has no such virtual node", mesh.Shorten(ask.Node), m.Name)
	}
	listener, err := listenerOf(node, ask.Port)
	if err != nil {
		return Advice{}, err
	}
	over := spanOf(ask.Hours, now)
	load, err := from.Load(ctx, m.Name, Target{node.Name, listener}, over)
	if err != nil {
		return Advice{}, err
	}
	return Give(Input{
		Mesh: m.Name, Node: node.Name, Listener: listener, Listeners: len(node.Listeners), Load: load, Span: over, Wait: ask.Wait, Try: ask.Try,
	}), nil
}

// spanOf divides the time that is looked at into some hundred moments.
func spanOf(hours float64, now time.Time) mesh.Span {
	length := time.Duration(hours * float64(time.Hour)).Round(leastStep)
	step := (length/moments + leastStep - 1).Truncate(leastStep)
	step = max(step, leastStep)
	end := now.Truncate(time.Second)
	return mesh.Span{Start: end.Add(-length), End: end, Step: step, Window: max(leastOver, step)}
}

func listenerOf(n mesh.VirtualNode, port int) (mesh.Listener, error) {
	if port == 0 && len(n.Listeners) == 1 {
		return n.Listeners[0], nil
	}
	ports := make([]string, len(n.Listeners))
	for i, l := range n.Listeners {
		if l.Port == port {
			return l, nil
		}
		ports[i] = strconv.Itoa(l.Port)
	}
	switch {
	case len(ports) == 0:
		return mesh.Listener{}, mesh.Errorf(mesh.Invalid, "node %s: it has no listener, and so no connection pool", n.Name)
	case port == 0:
		return mesh.Listener{}, mesh.Errorf(mesh.Invalid, "node %s: it has several listeners: give the port, one of %s", n.Name, strings.Join(ports, ", "))
	default:
		return mesh.Listener{}, mesh.Errorf(mesh.Invalid, "node %s: no listener on port %d: give one of %s", n.Name, port, strings.Join(ports, ", "))
	}
}
