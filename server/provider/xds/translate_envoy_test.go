package xds

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// translationEnvoy finds the Envoy that the tests run.
func translationEnvoy(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("ENVOY"); path != "" {
		return path
	}
	if path, err := exec.LookPath("envoy"); err == nil {
		return path
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			if path := filepath.Join(dir, ".tools/envoy/bin/envoy"); fileExists(path) {
				return path
			}
			break
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("there is no Envoy for this test: run `make envoy`, or set ENVOY to one")
	return ""
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// envoyValidates has Envoy load a bootstrap and build everything in it, without running it.
func envoyValidates(t *testing.T, bootstrap []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "envoy.yaml")
	if err := os.WriteFile(file, bootstrap, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), translationEnvoy(t), "--mode", "validate", "-c", file,
		"--disable-hot-restart", "--log-level", "warn").CombinedOutput()
	if err != nil {
		t.Errorf("Envoy refuses it: %v\n%s\n%s", err, out, bootstrap)
	}
}

// staticBootstrap writes a snapshot as an Envoy configuration that needs no control plane: endpoints into their clusters,
// routes into their listeners.
func staticBootstrap(t testing.TB, s *Snapshot) *bootstrapv3.Bootstrap {
	t.Helper()
	b := &bootstrapv3.Bootstrap{StaticResources: &bootstrapv3.Bootstrap_StaticResources{}}
	for _, c := range snapshotMessages[*clusterv3.Cluster](t, s, ClusterType) {
		if c.GetType() == clusterv3.Cluster_EDS {
			c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
			c.EdsClusterConfig = nil
			c.LoadAssignment = snapshotMessage[*endpointv3.ClusterLoadAssignment](t, s, EndpointType, c.GetName())
		}
		b.StaticResources.Clusters = append(b.StaticResources.Clusters, c)
	}
	for _, l := range snapshotMessages[*listenerv3.Listener](t, s, ListenerType) {
		for _, f := range l.GetFilterChains()[0].GetFilters() {
			manager := &hcmv3.HttpConnectionManager{}
			if !f.GetTypedConfig().MessageIs(manager) {
				continue
			}
			if err := f.GetTypedConfig().UnmarshalTo(manager); err != nil {
				t.Fatal(err)
			}
			manager.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{
				RouteConfig: snapshotMessage[*routev3.RouteConfiguration](t, s, RouteType, manager.GetRds().GetRouteConfigName()),
			}
			packed, err := anypb.New(manager)
			if err != nil {
				t.Fatal(err)
			}
			f.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: packed}
		}
		b.StaticResources.Listeners = append(b.StaticResources.Listeners, l)
	}
	return b
}

// snapshotMessages unpacks all resources of one type, sorted by name.
func snapshotMessages[M proto.Message](t testing.TB, s *Snapshot, typeURL string) []M {
	t.Helper()
	var names []string
	for name := range s.Resources[typeURL] {
		names = append(names, name)
	}
	slices.Sort(names)
	var list []M
	for _, name := range names {
		list = append(list, snapshotMessage[M](t, s, typeURL, name))
	}
	return list
}

func snapshotMessage[M proto.Message](t testing.TB, s *Snapshot, typeURL, name string) M {
	t.Helper()
	r, ok := s.Resources[typeURL][name]
	if !ok {
		t.Fatalf("the snapshot has no %s of type %s", name, typeURL)
	}
	m, err := r.Body.UnmarshalNew()
	if err != nil {
		t.Fatal(err)
	}
	typed, ok := m.(M)
	if !ok {
		t.Fatalf("%s is a %T", name, m)
	}
	return typed
}
