package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/mesh"
)

func (a *app) getCommand() *cobra.Command {
	var meshName string
	var f format
	cmd := &cobra.Command{
		Use:   "get meshes|nodes|services|routers|routes|gateways|gateway-routes [NAME]",
		Short: "Show what is configured",
		Args:  cobra.RangeArgs(1, 2),
		RunE: does(func(ctx context.Context, args []string) error {
			kind, err := mesh.ParseKind(args[0])
			if err != nil {
				return misuse("%w", err)
			}
			name := ""
			if len(args) == 2 {
				name = args[1]
			}
			return a.get(ctx, meshName, mesh.Ref{Kind: kind, Name: name}, f)
		}),
	}
	meshFlag(cmd, &meshName)
	formatFlag(cmd, &f)
	return cmd
}

// get shows one object, or all of a kind when it has no name.
func (a *app) get(ctx context.Context, meshName string, ref mesh.Ref, f format) error {
	return a.with(ctx, func(ctx context.Context, c *client.Client) error {
		var err error
		if ref.Kind != mesh.KindMesh {
			if meshName, err = meshOf(ctx, c, meshName); err != nil {
				return err
			}
		}
		if (ref.Kind == mesh.KindRoute || ref.Kind == mesh.KindGatewayRoute) && ref.Name != "" && !strings.Contains(ref.Name, "/") {
			return misuse("%s %q: write it as PARENT/NAME, as in reviews/primary", ref.Kind, ref.Name)
		}
		var data json.RawMessage
		if ref.Name == "" {
			data, err = c.List(ctx, meshName, ref.Kind)
		} else {
			data, err = c.Object(ctx, meshName, ref)
		}
		if err != nil {
			return err
		}
		if f != "table" {
			return a.raw(f, data)
		}
		items := []json.RawMessage{data}
		if ref.Name == "" {
			var page struct{ Items []json.RawMessage }
			if err := json.Unmarshal(data, &page); err != nil {
				return fmt.Errorf("read the answer: %w", err)
			}
			items = page.Items
		}
		return a.objects(ref.Kind, items)
	})
}

// objects writes a table of one kind.
func (a *app) objects(kind mesh.Kind, items []json.RawMessage) error {
	switch kind {
	case mesh.KindMesh:
		return objectTable(a, items, []string{"NAME", "EGRESS", "NODES", "SERVICES", "ROUTES", "GATEWAYS", "REVISION"}, func(m meshRow) []string {
			n := func(kind string) string { return strconv.Itoa(m.Objects[kind]) }
			return []string{m.Name, m.EgressFilter, n("nodes"), n("services"), n("routes"), n("gateways"), strconv.FormatInt(m.Revision, 10)}
		})
	case mesh.KindNode:
		return objectTable(a, items, []string{"NAME", "LISTENERS", "DISCOVERY", "POOL", "BACKENDS", "VERSION"}, func(n row[mesh.VirtualNode]) []string {
			o := n.object
			return []string{o.Name, listenersText(o.Listeners), discoveryText(o.ServiceDiscovery), poolText(o.Listeners), backendsText(o.Backends), n.version}
		})
	case mesh.KindService:
		return objectTable(a, items, []string{"NAME", "PROVIDED BY", "VERSION"}, func(s row[mesh.VirtualService]) []string {
			by := ""
			switch {
			case s.object.Router != "":
				by = "router " + s.object.Router
			case s.object.Node != "":
				by = "node " + s.object.Node
			}
			return []string{s.object.Name, by, s.version}
		})
	case mesh.KindRouter:
		return objectTable(a, items, []string{"NAME", "LISTENERS", "VERSION"}, func(r row[mesh.VirtualRouter]) []string {
			var ports []string
			for _, l := range r.object.Listeners {
				ports = append(ports, fmt.Sprintf("%s/%d", l.Protocol, l.Port))
			}
			return []string{r.object.Name, strings.Join(ports, ","), r.version}
		})
	case mesh.KindSplit:
		return objectTable(a, items, []string{"NAME", "TARGETS", "VERSION"}, func(s row[mesh.Split]) []string {
			return []string{s.object.Name, targetsText(s.object.Targets), s.version}
		})
	case mesh.KindRoute:
		return objectTable(a, items, []string{"NAME", "PRIORITY", "MATCH", "TARGETS", "VERSION"}, func(r row[mesh.Route]) []string {
			o := r.object
			return []string{o.Router + "/" + o.Name, strconv.Itoa(o.Priority), matchText(o.Match), targetsText(o.Targets), r.version}
		})
	case mesh.KindGateway:
		return objectTable(a, items, []string{"NAME", "LISTENERS", "VERSION"}, func(g row[mesh.VirtualGateway]) []string {
			return []string{g.object.Name, listenersText(g.object.Listeners), g.version}
		})
	default:
		return objectTable(a, items, []string{"NAME", "PRIORITY", "MATCH", "SERVICE", "VERSION"}, func(r row[mesh.GatewayRoute]) []string {
			o := r.object
			return []string{o.Gateway + "/" + o.Name, strconv.Itoa(o.Priority), matchText(o.Match), o.Target.Service, r.version}
		})
	}
}

// meshRow is what a mesh's row shows.
type meshRow struct {
	Name, EgressFilter string
	Objects            map[string]int
	Revision           int64
}

// row is an object with its version.
type row[T any] struct {
	object  T
	version string
}

// UnmarshalJSON reads the object and the version beside its fields.
func (r *row[T]) UnmarshalJSON(data []byte) error {
	var v struct{ Version int64 }
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	r.version = strconv.FormatInt(v.Version, 10)
	return json.Unmarshal(data, &r.object)
}

// objectTable reads items and writes a row for each.
func objectTable[T any](a *app, items []json.RawMessage, header []string, cells func(T) []string) error {
	rows := make([][]string, len(items))
	for i, item := range items {
		var o T
		if err := json.Unmarshal(item, &o); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		rows[i] = cells(o)
	}
	return a.table(header, rows)
}

func listenersText(list []mesh.Listener) string {
	ports := make([]string, len(list))
	for i, l := range list {
		ports[i] = fmt.Sprintf("%s/%d", l.Protocol, l.Port)
	}
	return strings.Join(ports, ",")
}

func discoveryText(d *mesh.ServiceDiscovery) string {
	switch {
	case d == nil:
		return ""
	case d.DNS != nil:
		return "dns " + d.DNS.Hostname
	case d.Registration != nil:
		return "registration"
	default:
		return fmt.Sprintf("%d endpoints", len(d.Endpoints))
	}
}

// poolText writes the limits of every listener that has some.
func poolText(list []mesh.Listener) string {
	var pools []string
	for _, l := range list {
		if l.ConnectionPool == nil {
			continue
		}
		var limits []string
		for _, limit := range []struct {
			name  string
			value *int
		}{
			{"connections", l.ConnectionPool.MaxConnections},
			{"pending", l.ConnectionPool.MaxPendingRequests},
			{"requests", l.ConnectionPool.MaxRequests},
			{"retries", l.ConnectionPool.MaxRetries},
		} {
			if limit.value != nil {
				limits = append(limits, fmt.Sprintf("%s=%d", limit.name, *limit.value))
			}
		}
		pools = append(pools, strings.Join(limits, ","))
	}
	return strings.Join(pools, ";")
}

func backendsText(list []mesh.Backend) string {
	names := make([]string, len(list))
	for i, b := range list {
		names[i] = b.Service
	}
	return strings.Join(names, ",")
}

func targetsText(list []mesh.WeightedTarget) string {
	parts := make([]string, len(list))
	for i, t := range list {
		parts[i] = fmt.Sprintf("%s=%d", t.Node, t.Weight)
	}
	return strings.Join(parts, " ")
}

// matchText writes what a match is about, in short.
func matchText(m mesh.Match) string {
	var parts []string
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if m.Hostname != nil {
		add(m.Hostname.Exact)
		if m.Hostname.Suffix != "" {
			add("*" + m.Hostname.Suffix)
		}
	}
	add(m.Method)
	if m.Prefix != "" {
		add(strings.TrimSuffix(m.Prefix, "/") + "/*")
	}
	if m.Path != nil {
		add(m.Path.Exact)
		if m.Path.Regex != "" {
			add("~" + m.Path.Regex)
		}
	}
	if m.Service != "" {
		add(m.Service + "/" + m.RPC)
	}
	if m.Port != 0 {
		add(":" + strconv.Itoa(m.Port))
	}
	for _, h := range m.Headers {
		add("header " + h.Name)
	}
	for _, q := range m.QueryParameters {
		add("?" + q.Name)
	}
	return strings.Join(parts, " ")
}
