package dialect

import (
	"strings"
	"unicode/utf8"

	"github.com/weirmesh/weir/server/mesh"
)

// scope is one mesh in one source while it is asked about in one dialect.
type scope struct {
	mesh    string
	rule    rule
	opts    *Options
	have    map[string]bool // the metric names that were found
	beside  bool            // see spoken
	subject *mesh.Subject   // whom a plot is about; nil: everybody
	notes   *notes
	ids     map[[2]string]string
	plain   map[string]string // names that the configuration knows, to the namespace they were seen in
}

// has says whether one of the metrics is there.
func (s *scope) has(names ...string) bool {
	for _, n := range names {
		if s.have[n] {
			return true
		}
	}
	return false
}

// id gives the graph's id of a workload. Its name is what people call it, so it is the id: as the mesh's configuration
// has it (name_namespace, as App Mesh's controller for Kubernetes wrote it, name.namespace, or the name alone), and else
// name.namespace, without the namespace where there is none and where the mesh's rule says that it goes without saying.
// Whether another namespace is in sight plays no part: ids must be the same at every moment, or no two moments compare.
func (s *scope) id(name, namespace string) string {
	if unnamed(name) {
		return mesh.UnknownID
	}
	if unnamed(namespace) {
		namespace = ""
	}
	key := [2]string{name, namespace}
	if id, ok := s.ids[key]; ok {
		return id
	}
	id := s.name(s.cut(name), s.cut(namespace))
	s.ids[key] = id
	return id
}

func (s *scope) name(name, namespace string) string {
	if namespace != "" && namespace != s.rule.namespace {
		for _, full := range []string{name + "_" + namespace, name + "." + namespace} {
			if id, ok := s.opts.Known(s.mesh, full); ok {
				return id
			}
		}
	}
	if id, ok := s.opts.Known(s.mesh, name); ok && (namespace == s.rule.namespace || s.rule.namespace == "") {
		if other, seen := s.plain[name]; seen && other != namespace {
			s.notes.add(name + " is in the namespaces " + other + " and " + namespace + ": they are shown as one; say in the source's rule which namespace is the mesh's")
		}
		s.plain[name] = namespace
		return id
	}
	if namespace == "" || namespace == s.rule.namespace {
		return tame(name)
	}
	return tame(name + "." + namespace)
}

// end gives the id of a name that stands alone.
func (s *scope) end(name string) string { return s.id(name, "") }

// outside gives the id of a destination outside the mesh.
func (s *scope) outside(name string) string { return mesh.ExternalID(s.cut(name)) }

// unnamed says that a label says nothing: Istio and others write "unknown".
func unnamed(v string) bool { return v == "" || v == mesh.UnknownID }

// tame keeps a name from being taken for a gateway, a service or a destination outside: those are the graph's prefixes.
func tame(name string) string {
	for _, kind := range []string{mesh.GatewayID(""), mesh.ServiceID(""), mesh.ExternalID("")} {
		if rest, found := strings.CutPrefix(name, kind); found {
			return strings.TrimSuffix(kind, "/") + ":" + rest
		}
	}
	return name
}

// cut bounds a name.
func (s *scope) cut(name string) string {
	if len(name) <= maxLabel {
		return name
	}
	end := maxLabel
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	s.notes.add("a name of more than 256 bytes was cut")
	return name[:end] + "…"
}

// spellings are the values that a label with a workload's name may have when the workload's id is this one: the id, or
// what it was made of. They are too many rather than too few.
func spellings(id string) []string {
	for _, kind := range []string{mesh.GatewayID(""), mesh.ExternalID("")} {
		id = strings.TrimPrefix(id, kind)
	}
	list := []string{id}
	for i := 1; i < len(id); i++ {
		if c := id[i]; c == '.' || c == '_' || c == '-' {
			list = append(list, id[:i])
		}
	}
	return list
}

// notes are what is missing, in words, each once.
type notes struct {
	list    []string
	partial bool
}

// maxNotes keeps a source that warns about everything from filling a page.
const maxNotes = 20

func (n *notes) add(text string) {
	if len(n.list) >= maxNotes {
		return
	}
	for _, have := range n.list {
		if have == text {
			return
		}
	}
	n.list = append(n.list, text)
}
