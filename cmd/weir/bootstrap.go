package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider/xds"
)

func (a *app) bootstrapCommand() *cobra.Command {
	var o xds.BootstrapOptions
	var ingress []string
	var p proof
	cmd := &cobra.Command{
		Use:   "bootstrap --mesh M --node N | --gateway G",
		Short: "Print the configuration that an Envoy starts with",
		Long: `Print the configuration that an Envoy starts with. A Weir that people sign in to is asked for a token, by which proxies may
be this node or gateway and nothing else; it is part of what is printed, so keep that from others. A Weir without sign-in
needs none.`,
		Example: "  weir bootstrap --mesh sample_app --node reviews-v1 --address 10.0.0.7 > envoy.yaml\n" +
			"  weir bootstrap --mesh shop --node cart-v1 --xds weir.example.com:18000 --ca ca.pem > envoy.yaml\n" +
			"  envoy -c envoy.yaml",
		Args: cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			if o.Mesh == "" || (o.Node == "") == (o.Gateway == "") {
				return misuse("name the mesh and either the virtual node or the virtual gateway: --mesh M --node N, or --mesh M --gateway G")
			}
			var err error
			if o.IngressPorts, err = parsePorts(ingress); err != nil {
				return err
			}
			return a.bootstrap(ctx, o, p)
		}),
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.Mesh, "mesh", "m", "", "the mesh")
	fs.StringVar(&o.Node, "node", "", "the virtual node that the proxy runs beside")
	fs.StringVar(&o.Gateway, "gateway", "", "the virtual gateway that the proxy is")
	fs.StringVar(&o.Instance, "instance", "", "tells proxies of the same node apart")
	fs.StringVar(&o.XDS, "xds", "127.0.0.1:18000", "host:port of Weir's control plane, or unix:/PATH; several replicas with commas in between")
	fs.StringVar(&o.Address, "address", "", "the IP address where other proxies reach this one")
	fs.StringVar(&o.Bind, "bind", "", "the IP address that the proxy listens on (default 0.0.0.0)")
	fs.StringVar(&o.AppAddress, "app-address", "", "the IP address of the application (default 127.0.0.1)")
	fs.IntVar(&o.EgressPort, "egress-port", 0, "where the application calls out (default 15001)")
	fs.StringArrayVar(&ingress, "ingress-port", nil, "PORT=PROXYPORT: the proxy's port for a listener of the mesh (default 15000, then 15002 and up)")
	fs.StringVar(&o.AdminPath, "admin-path", "", "a Unix socket for Envoy's admin interface (default: none)")
	fs.IntVar(&o.AdminPort, "admin-port", 0, "a port on 127.0.0.1 for Envoy's admin interface (default: none)")
	p.flags(cmd, &o)
	return cmd
}

// maxPort is the greatest port there is.
const maxPort = 65535

// parsePorts reads PORT=PROXYPORT words.
func parsePorts(words []string) (map[int]int, error) {
	var ports map[int]int
	for _, word := range words {
		listener, proxy, ok := strings.Cut(word, "=")
		from, err := strconv.Atoi(listener)
		to, err2 := strconv.Atoi(proxy)
		if !ok || err != nil || err2 != nil || min(from, to) < 1 || max(from, to) > maxPort {
			return nil, misuse("--ingress-port %q: write it as PORT=PROXYPORT with ports from 1 to 65535, as in 8080=15000", mesh.Shorten(word))
		}
		if _, twice := ports[from]; twice {
			return nil, misuse("--ingress-port %q: port %d is named twice", mesh.Shorten(word), from)
		}
		if ports == nil {
			ports = make(map[int]int)
		}
		ports[from] = to
	}
	return ports, nil
}
