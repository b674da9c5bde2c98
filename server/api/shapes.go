package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// Mesh is a mesh as the API shows it.
type Mesh struct {
	Kind         mesh.Kind          `json:"kind" enum:"mesh"`
	Mesh         string             `json:"mesh"`
	Name         string             `json:"name"`
	EgressFilter mesh.EgressFilter  `json:"egressFilter" enum:"DROP_ALL,ALLOW_ALL" doc:"What proxies do with calls to hosts that are no backends."`
	Health       *mesh.HealthLimits `json:"health,omitempty" doc:"What is called degraded and unhealthy, where services and routes do not say."`
	Guard        *mesh.Guard        `json:"guard,omitempty" doc:"Guard rails, where services and routes have none of their own."`
	Approval     mesh.Approval      `json:"approval,omitempty" enum:"required,none" doc:"required: no change is made by one person alone."`
	Objects      map[string]int     `json:"objects" readOnly:"true" doc:"How many objects there are, by the plural of their kind."`
	Revision     int64              `json:"revision" readOnly:"true" doc:"Grows with every change of anything in the mesh."`
	Version      int64              `json:"version" doc:"Of the mesh's own settings."`
}

// Node is a virtual node as the API shows it.
type Node struct {
	Kind mesh.Kind `json:"kind" enum:"node"`
	Mesh string    `json:"mesh"`
	mesh.VirtualNode
	Version int64 `json:"version"`
}

// Service is a virtual service as the API shows it.
type Service struct {
	Kind mesh.Kind `json:"kind" enum:"service"`
	Mesh string    `json:"mesh"`
	mesh.VirtualService
	Version int64 `json:"version"`
}

// Router is a virtual router as the API shows it.
type Router struct {
	Kind mesh.Kind `json:"kind" enum:"router"`
	Mesh string    `json:"mesh"`
	mesh.VirtualRouter
	Version int64 `json:"version"`
}

// Route is a route as the API shows it.
type Route struct {
	Kind mesh.Kind `json:"kind" enum:"route"`
	Mesh string    `json:"mesh"`
	mesh.Route
	Version int64 `json:"version"`
}

// Gateway is a virtual gateway as the API shows it.
type Gateway struct {
	Kind mesh.Kind `json:"kind" enum:"gateway"`
	Mesh string    `json:"mesh"`
	mesh.VirtualGateway
	Version int64 `json:"version"`
}

// GatewayRoute is a gateway route as the API shows it.
type GatewayRoute struct {
	Kind mesh.Kind `json:"kind" enum:"gateway-route"`
	Mesh string    `json:"mesh"`
	mesh.GatewayRoute
	Version int64 `json:"version"`
}

// Split is a distribution of traffic that routes share, as the API shows it.
type Split struct {
	Kind mesh.Kind `json:"kind" enum:"split"`
	Mesh string    `json:"mesh"`
	mesh.Split
	Version int64 `json:"version"`
}

// shape is one kind of object: what it is called and how it is shown. B is the type above.
type shape[B any] struct {
	kind mesh.Kind
	what string
	show func(meshName string, o mesh.Object, version int64) (B, bool)
}

func nodeOf(m string, o mesh.Object, version int64) (Node, bool) {
	v, ok := o.(mesh.VirtualNode)
	return Node{mesh.KindNode, m, v, version}, ok
}

func serviceOf(m string, o mesh.Object, version int64) (Service, bool) {
	v, ok := o.(mesh.VirtualService)
	return Service{mesh.KindService, m, v, version}, ok
}

func routerOf(m string, o mesh.Object, version int64) (Router, bool) {
	v, ok := o.(mesh.VirtualRouter)
	return Router{mesh.KindRouter, m, v, version}, ok
}

func routeOf(m string, o mesh.Object, version int64) (Route, bool) {
	v, ok := o.(mesh.Route)
	return Route{mesh.KindRoute, m, v, version}, ok
}

func splitOf(m string, o mesh.Object, version int64) (Split, bool) {
	v, ok := o.(mesh.Split)
	return Split{mesh.KindSplit, m, v, version}, ok
}

func gatewayOf(m string, o mesh.Object, version int64) (Gateway, bool) {
	v, ok := o.(mesh.VirtualGateway)
	return Gateway{mesh.KindGateway, m, v, version}, ok
}

func gatewayRouteOf(m string, o mesh.Object, version int64) (GatewayRoute, bool) {
	v, ok := o.(mesh.GatewayRoute)
	return GatewayRoute{mesh.KindGatewayRoute, m, v, version}, ok
}

// meshOf shows a mesh.
func meshOf(c change.Current) Mesh {
	m := c.Mesh
	filter := m.EgressFilter
	if filter == "" {
		filter = mesh.DropAll
	}
	return Mesh{
		Kind: mesh.KindMesh, Mesh: m.Name, Name: m.Name, EgressFilter: filter, Health: m.Health, Guard: m.Guard, Approval: m.Approval, Revision: c.Revision,
		Version: c.Versions[m.Settings().Ref()],
		Objects: map[string]int{
			mesh.KindNode.Plural(): len(m.Nodes), mesh.KindService.Plural(): len(m.Services),
			mesh.KindRouter.Plural(): len(m.Routers), mesh.KindSplit.Plural(): len(m.Splits), mesh.KindRoute.Plural(): len(m.Routes),
			mesh.KindGateway.Plural(): len(m.Gateways), mesh.KindGatewayRoute.Plural(): len(m.GatewayRoutes),
		},
	}
}

// whole reads an object from a request: the fields of its kind, strictly, and besides them what an answer adds (kind,
// mesh, version), which has to agree with the address. version is the body's, zero without one.
func whole(meshName string, ref mesh.Ref, body []byte) (o mesh.Object, version int64, err error) {
	members, err := split(body)
	if err != nil {
		return nil, 0, err
	}
	parent, name := "", ref.Name
	if ref.Kind == mesh.KindRoute || ref.Kind == mesh.KindGatewayRoute {
		parent, name = ref.Split()
	}
	must := map[string]string{"kind": string(ref.Kind), "mesh": meshName, "name": name}
	switch ref.Kind {
	case mesh.KindRoute:
		must["router"] = parent
	case mesh.KindGatewayRoute:
		must["gateway"] = parent
	}
	var rest []member
	for _, m := range members {
		want, fixed := must[m.key]
		switch {
		case m.key == "version":
			if version, err = strconv.ParseInt(string(m.value), 10, 64); err != nil || version < 1 {
				return nil, 0, mesh.Errorf(mesh.Invalid, "version %s: the number that was read, or nothing", mesh.Shorten(string(m.value)))
			}
		case ref.Kind == mesh.KindMesh && (m.key == "objects" || m.key == "revision"):
			// What a mesh's answer adds besides.
		case fixed:
			var got string
			if json.Unmarshal(m.value, &got) != nil || got != want {
				return nil, 0, mesh.Errorf(mesh.Invalid, "%s %s: the address says %q: leave the field out or let it agree",
					m.key, mesh.Shorten(string(m.value)), want)
			}
		default:
			rest = append(rest, m)
		}
	}
	for _, key := range []string{"name", "router", "gateway"} {
		if v, ok := must[key]; ok {
			quoted, err := json.Marshal(v)
			if err != nil {
				return nil, 0, mesh.Errorf(mesh.Internal, "encode %s: %w", key, err)
			}
			rest = append(rest, member{key, quoted})
		}
	}
	o, err = mesh.DecodeObject(ref.Kind, join(rest))
	return o, version, err
}

// member is one field of a JSON object.
type member struct {
	key   string
	value json.RawMessage
}

// split reads a JSON object's fields in order, repeated ones too, so that the strict decoder sees them all.
func split(body []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	broken := func(err error) error {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return mesh.Errorf(mesh.Invalid, "body: the JSON ends too early")
		}
		return mesh.Errorf(mesh.Invalid, "body: this is not a JSON object, at byte %d", d.InputOffset())
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, broken(err)
	}
	var members []member
	for d.More() {
		t, err := d.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return nil, broken(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, broken(err)
		}
		members = append(members, member{key, value})
	}
	if _, err := d.Token(); err != nil {
		return nil, broken(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, mesh.Errorf(mesh.Invalid, "body: there is something after the end of the object, at byte %d", d.InputOffset())
	}
	return members, nil
}

// join writes fields as a JSON object.
func join(members []member) []byte {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(quote(m.key))
		out.WriteByte(':')
		out.Write(m.value)
	}
	out.WriteByte('}')
	return out.Bytes()
}

// quote writes a JSON string.
func quote(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		return `""` // strings always encode
	}
	return string(data)
}
