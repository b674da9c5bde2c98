package client

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/reading"
	"github.com/weirmesh/weir/server/provider"
)

// leafSize is how many resources or statistics are asked for at once.
const leafSize = 2000

// ProxyRaw gives one proxy as the server answers it.
func (c *Client) ProxyRaw(ctx context.Context, meshName, id string) (json.RawMessage, error) {
	var raw json.RawMessage
	return raw, c.get(ctx, inProxy(meshName, id), nil, &raw)
}

// ProxyConfig gives what a proxy runs of one type; all of it when no limit is asked for.
func (c *Client) ProxyConfig(ctx context.Context, meshName, id string, ask provider.Ask) (provider.Dump, error) {
	q := query("type", ask.Type, "q", ask.Text, "resource", ask.Name, "limit", strconv.Itoa(leafSize))
	if ask.Secure {
		q.Set("secure", "true")
	}
	if ask.Raw {
		q.Set("raw", "true")
	}
	var all provider.Dump
	for page := 1; ; page++ {
		q.Set("page", strconv.Itoa(page))
		var d provider.Dump
		if err := c.get(ctx, inProxy(meshName, id)+"/config", q, &d); err != nil {
			return d, err
		}
		d.Resources = append(all.Resources, d.Resources...)
		all = d
		if page*leafSize >= d.Total {
			return all, nil
		}
	}
}

// ProxyStats gives what a proxy reported lately: the statistics that have all words of a filter.
func (c *Client) ProxyStats(ctx context.Context, meshName, id, filter string) (reading.Page, error) {
	q := query("filter", filter, "limit", strconv.Itoa(leafSize))
	var all reading.Page
	for page := 1; ; page++ {
		q.Set("page", strconv.Itoa(page))
		var p reading.Page
		if err := c.get(ctx, inProxy(meshName, id)+"/stats", q, &p); err != nil {
			return p, err
		}
		p.Stats = append(all.Stats, p.Stats...)
		all = p
		if page*leafSize >= p.Total {
			return all, nil
		}
	}
}

// DriftRaw gives what of a mesh is not as it was accepted, as the server answers it.
func (c *Client) DriftRaw(ctx context.Context, meshName string) (json.RawMessage, error) {
	var raw json.RawMessage
	return raw, c.get(ctx, inMesh(meshName)+"/drift", nil, &raw)
}

// AdviceAsk says about which pool advice is wanted. Zero is the server's own choice.
type AdviceAsk struct {
	Node        string
	Port        int
	Hours, Wait string         // "1", "100ms"
	Try         map[string]int // limits to be replayed as well, by their names as the API writes them
}

// AdviceRaw gives advice about a node's connection pool as the server answers it. Error: mesh.Unavailable when nothing is
// recorded.
func (c *Client) AdviceRaw(ctx context.Context, meshName string, ask AdviceAsk) (json.RawMessage, error) {
	var raw json.RawMessage
	q := query("hours", ask.Hours, "wait", ask.Wait)
	if ask.Port != 0 {
		q.Set("port", strconv.Itoa(ask.Port))
	}
	for name, limit := range ask.Try {
		q.Set(name, strconv.Itoa(limit))
	}
	return raw, c.get(ctx, address(meshName, mesh.Ref{Kind: mesh.KindNode, Name: ask.Node})+"/advice", q, &raw)
}

// inProxy is a proxy's address.
func inProxy(meshName, id string) string { return inMesh(meshName) + "/proxies/" + url.PathEscape(id) }
