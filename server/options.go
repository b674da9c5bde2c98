// Package server is the wiring: New builds the parts in the order of their dependencies, Run runs them until its context
// ends, and closing goes the other way round. It is the only package that knows all the others; only cmd/weir imports it.
package server

import (
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/demo/crowd"
	"github.com/weirmesh/weir/server/journal"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/remote"
	"github.com/weirmesh/weir/server/metrics/scrape"
	"github.com/weirmesh/weir/server/webhook"
)

// Options are what one server needs to know.
type Options struct {
	Listen string // the console's and the API's address, "127.0.0.1:8080"
	// TLSCert and TLSKey are the files of the certificate that the console is served with; empty: plain HTTP, which only
	// InsecureHTTP lets other machines reach.
	TLSCert, TLSKey string
	InsecureHTTP    bool
	XDSListen       string // the control plane's address, "127.0.0.1:18000" or "unix:/run/weir/xds.sock"
	// XDSTLSCert and XDSTLSKey are the files of the certificate that proxies are served with; empty: plain text.
	XDSTLSCert, XDSTLSKey string
	// XDSTLS says where proxies are served over TLS without those files, with a certificate of Weir's own authority: "auto" or
	// empty, where other machines reach the address; "on", everywhere. XDSCertificates lets proxies in by a certificate alone.
	XDSTLS          string
	XDSCertificates bool
	// MetricsListen is the address of Weir's own metrics; empty: they are not served. MetricsAnywhere takes another port
	// when that one is in use.
	MetricsListen   string
	MetricsAnywhere bool
	Data            string             // the data directory; made if it is missing
	DatabaseURL     string             // of a PostgreSQL that replicas share; empty: SQLite in Data
	Name            string             // of this replica, for people; the same after a restart. Empty: host and address
	Open            bool               // no sign-in; allowed on loopback addresses only
	People          PeopleOptions      // who may come in, unless Open
	Version         string             // Weir's own, shown on pages and by the API
	Logger          *slog.Logger       // nil: silent
	Window          time.Duration      // of the live graph; zero: 30 s
	Drain           time.Duration      // between the signal to stop and the stop, in which others take over; zero: none
	History         HistoryOptions     // the embedded store of metrics
	Scrape          []scrape.Job       // proxies that do not push
	Sources         []remote.Source    // other people's stores of metrics, in the order of belief
	RolloutHooks    RolloutHookOptions // what the webhooks of rollouts may do
	Told            []EventHook        // who is told of events
	// Envoy is the path of a binary that checks configuration in dry runs, and that the demo runs; empty: looked for.
	Envoy string

	crowd *crowd.Crowd // a mesh whose traffic is made up; nil: there is none
}

// HistoryOptions are those of the embedded store of metrics. Zero fields mean the store's defaults.
type HistoryOptions struct {
	Off         bool          // nothing is kept
	Retention   time.Duration // how long
	MaxBytes    int64         // on disk
	Step        time.Duration // between two samples of a series
	SeriesLimit int           // in memory
	RollupsOnly bool          // the proxies' own series are not kept
}

// RolloutHookOptions are those of the webhooks that people give to rollouts.
type RolloutHookOptions struct {
	Loopback bool   // addresses of this machine may be called
	Secret   string // signs what they are told; empty: nothing is signed
}

// EventHook is a webhook that is told of events.
type EventHook struct {
	webhook.Hook
	Kinds  []journal.Kind // empty: all
	Meshes []string       // empty: all
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Window == 0 {
		o.Window = 30 * time.Second
	}
	return o
}

// check refuses what would be unsafe.
func (o Options) check() error {
	if err := o.checkXDS(); err != nil {
		return err
	}
	if err := o.checkConsole(); err != nil {
		return err
	}
	if o.MetricsListen != "" && !loopback(o.MetricsListen) {
		return mesh.Errorf(mesh.Invalid, "--metrics-listen %s: Weir's own metrics are served in plain text, and so on this machine only: give 127.0.0.1:PORT or [::1]:PORT", o.MetricsListen)
	}
	return nil
}

// listen opens a TCP listener, and says in words why it cannot.
func listen(what, address, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err == nil {
		return l, nil
	}
	if strings.Contains(err.Error(), "address already in use") {
		return nil, mesh.Errorf(mesh.Unavailable, "%s: %s is in use by another program: stop it, or choose another address with %s", what, address, flag)
	}
	return nil, mesh.Errorf(mesh.Invalid, "%s: cannot listen on %s: %w: give an address of this machine with %s", what, address, err, flag)
}

// loopback tells whether an address to listen on is reachable from this machine only.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
