package page

import "github.com/weirmesh/weir/server/mesh"

// ServiceProxies is the tab "proxies" of a service: who carries its versions out, those first that are behind.
type ServiceProxies struct {
	Shell
	Rows   []ProxyRow
	Synced int
	More   int      // that are not shown
	Unrun  []string // versions without a connected proxy
}

// ServiceConfig is the tab "config" of a service: the objects that make it.
type ServiceConfig struct {
	Shell
	Groups []ConfigGroup
}

// editHref is the address of an object's form.
func (s Shell) editHref(ref mesh.Ref) string { return s.Href(ConfigPath(ref) + "/edit") }
