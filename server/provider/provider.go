// Package provider says what Weir asks of whatever runs a mesh. A provider obeys; it does not plan: it is given the
// desired state, makes it so, and reports how far it got.
package provider

import (
	"context"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Desired is the state that a provider is to bring about.
type Desired struct {
	Revision int64 // of the mesh; grows
	Mesh     mesh.Mesh
}

// Provider runs meshes.
type Provider interface {
	// Name is a short word for messages, such as "xds".
	Name() string
	// Apply makes a mesh's desired state known. It is idempotent, takes only a newer revision than the last, and
	// returns when the state is accepted, not when it is delivered. An error means that nothing was applied.
	Apply(ctx context.Context, d Desired) error
	// Delivery says how far a revision got; ok is false when the provider never saw it (it was before its start).
	Delivery(mesh string, revision int64) (d Delivery, ok bool)
	// Proxies lists a mesh's proxies, sorted by ID: the connected ones, those gone within the last minutes, and
	// those that were refused.
	Proxies(mesh string) []Proxy
	// Watch gives a channel that receives (coalesced, capacity one) whenever a Delivery or a Proxy changed, and a
	// function that ends it.
	Watch() (changed <-chan struct{}, stop func())
}

// Delivery is how far one revision got. A proxy counts when the revision changed its configuration and it is still
// connected; a proxy that runs a later revision runs this one.
type Delivery struct {
	Revision int64
	Acked    int
	Total    int
	At       time.Time   // when the last of Total acknowledged or refused; zero while some are waiting
	Proxies  []string    // IDs of the Total proxies
	Rejected []Rejection // proxies that refused it and keep their last good configuration
}

// Done is true when every proxy has answered.
func (d Delivery) Done() bool { return d.Acked+len(d.Rejected) >= d.Total }

// Rejection is one proxy's refusal in the proxy's own words.
type Rejection struct {
	Proxy   string `json:"proxy"`
	Message string `json:"message"`
	// Caused says that the proxy ran all that came before this revision, so that it is this revision which it refuses.
	Caused bool `json:"caused,omitempty"`
}

// ProxyState is where a proxy stands.
type ProxyState string

// The states of a proxy.
const (
	Synced   ProxyState = "synced"   // runs the newest configuration
	Pending  ProxyState = "pending"  // has been sent configuration that it has not acknowledged yet
	Rejected ProxyState = "rejected" // refused the newest configuration, runs its last good
	Gone     ProxyState = "gone"     // disconnected
	Refused  ProxyState = "refused"  // was not let in; Message says why
)

// Proxy is one proxy as its provider sees it.
type Proxy struct {
	ID         string         `json:"id"` // unique within the mesh, usable in an address
	Mesh       string         `json:"mesh"`
	Node       string         `json:"node,omitempty"`    // its virtual node, or
	Gateway    string         `json:"gateway,omitempty"` // its virtual gateway
	NodeID     string         `json:"nodeId"`            // as the proxy named itself
	Address    string         `json:"address,omitempty"` // where other proxies reach it
	Version    string         `json:"version,omitempty"` // the proxy's software: "envoy 1.40.0"
	State      ProxyState     `json:"state"`
	Message    string         `json:"message,omitempty"` // the refusal or the last rejection
	Since      time.Time      `json:"since"`             // connected (gone, refused) since
	Revision   int64          `json:"revision"`          // newest mesh revision it runs
	AckedAt    time.Time      `json:"ackedAt,omitzero"`
	Resources  []ResourceType `json:"resources,omitempty"`
	MetricsAt  time.Time      `json:"metricsAt,omitzero"` // last report of numbers
	SeriesOver int            `json:"seriesOver,omitempty"`
	Replica    string         `json:"replica,omitempty"` // the replica of Weir that it is connected to; empty: this one
}

// Connected is true while the proxy's configuration stream is open.
func (p Proxy) Connected() bool { return p.State != Gone && p.State != Refused }

// ResourceType is the state of one type of configuration on one proxy.
type ResourceType struct {
	Type     string    `json:"type"`              // "cluster", "endpoint", "listener", "route"
	Count    int       `json:"count"`             // resources of the type that the proxy should run
	Acked    string    `json:"acked,omitempty"`   // version that the proxy runs (short hash)
	Pending  string    `json:"pending,omitempty"` // version sent and not answered yet
	AckedAt  time.Time `json:"ackedAt,omitzero"`
	Rejected string    `json:"rejected,omitempty"` // version refused
	Message  string    `json:"message,omitempty"`  // the proxy's own words about it
	// Wanted is the version that the proxy should run: it differs from Acked while something is missing.
	Wanted     string    `json:"wanted,omitempty"`
	SentAt     time.Time `json:"sentAt,omitzero"`     // when Pending was sent
	RejectedAt time.Time `json:"rejectedAt,omitzero"` // when Rejected was refused
}
