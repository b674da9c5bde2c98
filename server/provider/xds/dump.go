package xds

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/anypb"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// holding is what a proxy has and should have: of one that is connected as it is now, of one that is gone as it was last.
type holding struct {
	feed    *feed
	wanted  *prepared // nil before it was given anything
	refusal string
	left    time.Time // zero: connected
}

func (x *session) holding(left time.Time) holding {
	return holding{feed: x.feed, wanted: x.wanted(), refusal: x.refusal, left: left}
}

// picked is a resource on its way into a dump, its bodies not read yet. A body is shared and never changed.
type picked struct {
	provider.Resource
	body, running *anypb.Any
}

// Dump gives what one proxy runs and should run of one type, also of a proxy that is gone, as it was last. One that was
// not let in has nothing. Errors: mesh.NotFound; mesh.Invalid for an unknown type.
func (s *Server) Dump(meshName, id string, ask provider.Ask) (provider.Dump, error) {
	k, ok := kindNamed(ask.Type)
	if !ok {
		return provider.Dump{}, mesh.Errorf(mesh.Invalid, "type %q is not known: it is one of %s",
			mesh.Shorten(ask.Type), strings.Join(provider.Types(), ", "))
	}
	d := provider.Dump{Type: ask.Type, Resources: []provider.Resource{}, Warnings: []string{}}
	s.mu.Lock()
	h, err := s.holdingOf(meshName, id)
	if err != nil || h.feed == nil {
		s.mu.Unlock()
		return d, err
	}
	all := h.pick(k, ask)
	if h.wanted != nil {
		d.Warnings = append(d.Warnings, h.wanted.warnings...)
	}
	s.mu.Unlock()

	d.Left = h.left
	if ask.Secure {
		all = slices.DeleteFunc(all, func(p picked) bool { return len(certificatesIn(p.body)) == 0 })
	}
	d.Total = len(all)
	for _, p := range all {
		if p.Progress != provider.Running {
			d.Behind++
		}
	}
	slices.SortFunc(all, func(a, b picked) int {
		return cmp.Or(cmp.Compare(settledRank(a.Progress), settledRank(b.Progress)), strings.Compare(a.Name, b.Name))
	})
	all = all[min(max(ask.Offset, 0), len(all)):]
	if ask.Limit > 0 {
		all = all[:min(ask.Limit, len(all))]
	}
	for _, p := range all {
		d.Resources = append(d.Resources, p.read(meshName, ask.Raw))
	}
	return d, nil
}

// kindNamed finds a kind by its short name.
func kindNamed(name string) (kind, bool) {
	for k := range kind(kinds) {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

// settledRank puts what somebody should look at first.
func settledRank(p provider.Progress) int {
	return slices.Index([]provider.Progress{provider.Declined, provider.Sent, provider.Waiting, provider.Leaving, provider.Running}, p)
}

// holdingOf finds what a proxy has. One that was not let in has an empty holding. The lock is held.
func (s *Server) holdingOf(meshName, id string) (holding, error) {
	if m, ok := s.meshes[meshName]; ok {
		if x, ok := m.sessions[id]; ok {
			return x.holding(time.Time{}), nil
		}
		if h, ok := m.left[id]; ok {
			return h, nil
		}
	}
	for _, r := range s.refusedAt {
		if r.proxy.ID == id {
			return holding{}, nil
		}
	}
	return holding{}, mesh.Errorf(mesh.NotFound, "there is no proxy %q in mesh %s: it may have been gone for some minutes", mesh.Shorten(id), mesh.Shorten(meshName))
}

// pick gathers the resources of a kind that are asked for. The lock is held.
func (h holding) pick(k kind, ask provider.Ask) []picked {
	text := strings.ToLower(ask.Text)
	asked := func(name string) bool {
		return (ask.Name == "" || ask.Name == name) && (text == "" || strings.Contains(strings.ToLower(name), text))
	}
	var list []picked
	var wanted map[string]*resource
	if h.wanted != nil {
		wanted = h.wanted.sets[k].byName
	}
	for name, res := range wanted {
		if asked(name) {
			list = append(list, h.progress(k, name, res))
		}
	}
	for name := range h.feed.tracks[k].known {
		if _, stays := wanted[name]; !stays && asked(name) {
			list = append(list, h.progress(k, name, nil))
		}
	}
	return list
}

// progress says how far one resource got; res is nil for one that should go.
func (h holding) progress(k kind, name string, res *resource) picked {
	t := &h.feed.tracks[k]
	p := picked{Resource: provider.Resource{Name: name, Progress: provider.Leaving}}
	has, runs := t.known[name]
	if runs {
		p.Running, p.AckedAt = has.version, has.at
	}
	if res == nil {
		if has.res != nil {
			p.body = has.res.wire.GetResource()
		}
		return p
	}
	p.Wanted, p.body = res.version, res.wire.GetResource()
	if has.res != nil && has.version != res.version {
		p.running = has.res.wire.GetResource()
	}
	if runs && has.version == res.version {
		p.Progress = provider.Running
		return p
	}
	if was, parked := t.parked[name]; parked && was.version == res.version {
		p.Progress, p.Message = provider.Declined, was.message
		return p
	}
	if t.flight != nil {
		if sent := t.flight.sent[name]; sent != nil && sent.version == res.version {
			p.Progress = provider.Sent
			return p
		}
	}
	p.Progress, p.Message = provider.Waiting, h.refusal
	return p
}

// read fills in what the resource says.
func (p picked) read(meshName string, raw bool) provider.Resource {
	r := p.Resource
	if p.body == nil {
		return r // Only its version is known, from before the stream.
	}
	describe(&r, meshName, p.body)
	r.Certificates = certificatesIn(p.body)
	if raw {
		r.Raw, r.RunningRaw = rawText(p.body), rawText(p.running)
	}
	return r
}
