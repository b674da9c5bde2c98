package mesh

// VirtualGateway is a proxy at the edge of the mesh that takes calls from outside.
type VirtualGateway struct {
	Name      string     `json:"name"`
	Listeners []Listener `json:"listeners"` // http, http2 or grpc; outlier detection does not apply
}

// GatewayRoute sends what a gateway receives and matches to one virtual service.
type GatewayRoute struct {
	Gateway  string        `json:"gateway"`
	Name     string        `json:"name"`
	Protocol Protocol      `json:"protocol"` // http, http2 or grpc
	Priority int           `json:"priority"` // 0 to 1000, 0 first
	Match    Match         `json:"match"`
	Target   GatewayTarget `json:"target"`
	Rewrite  *Rewrite      `json:"rewrite,omitempty"`
}

// GatewayTarget is the virtual service behind a gateway route.
type GatewayTarget struct {
	Service string `json:"service"`
	Port    int    `json:"port,omitempty"` // zero: the service's only port
}

// Rewrite changes what the target sees. By default (App Mesh) the host becomes the service's name and a matched prefix
// becomes "/".
type Rewrite struct {
	KeepHost   bool   `json:"keepHost,omitempty"`
	KeepPrefix bool   `json:"keepPrefix,omitempty"`
	Prefix     string `json:"prefix,omitempty"` // replaces the matched prefix; starts and ends with "/"
	Path       string `json:"path,omitempty"`   // replaces the whole path; starts with "/"
}
