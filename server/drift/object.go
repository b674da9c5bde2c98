package drift

import (
	"cmp"
	"context"
	"slices"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// most is how many entries of the ledger are read back. A proxy that is further behind lacks all that concerns it.
const most = 200

// Ledger reads what was changed.
type Ledger interface {
	Changes(ctx context.Context, q change.Query) ([]change.Change, error)
}

// Recent reads the entries that proxies which are behind may not have, newest first. When all have everything it reads
// nothing.
func Recent(ctx context.Context, ledger Ledger, current change.Current, proxies []provider.Proxy) ([]change.Change, error) {
	oldest := current.Revision
	for _, p := range proxies {
		if p.State != provider.Synced && p.State != provider.Refused {
			oldest = min(oldest, p.Revision)
		}
	}
	if oldest >= current.Revision {
		return nil, nil
	}
	list, err := ledger.Changes(ctx, change.Query{Mesh: current.Mesh.Name, Limit: int(min(current.Revision-oldest, most))})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(c change.Change) bool { return c.Accepted == nil || c.Accepted.Revision <= oldest }), nil
}

// touched is an object's newest version among the recent entries.
type touched struct {
	revision int64
	change   string
}

// lately gives the newest entry of each object that was changed lately, and the oldest revision that is covered.
func (s Survey) lately() (newest map[mesh.Ref]touched, oldest int64) {
	newest, oldest = make(map[mesh.Ref]touched), s.in.Current.Revision+1
	for _, c := range s.in.Recent {
		if c.Accepted == nil {
			continue
		}
		oldest = min(oldest, c.Accepted.Revision)
		for _, ref := range c.Objects {
			if _, seen := newest[ref]; !seen {
				newest[ref] = touched{c.Accepted.Revision, c.ID}
			}
		}
	}
	return newest, oldest
}

// objects lists what not every proxy has.
func (s Survey) objects() []Object {
	list := []Object{}
	if len(s.behind) == 0 {
		return list
	}
	newest, oldest := s.lately()
	consider := func(ref mesh.Ref) {
		if o := s.object(ref, newest[ref], oldest); len(o.Missing) > 0 {
			list = append(list, o)
		}
	}
	for _, o := range s.in.Current.Mesh.Objects() {
		consider(o.Ref())
	}
	for ref := range newest {
		if _, exists := s.in.Current.Mesh.Get(ref); !exists {
			consider(ref)
		}
	}
	slices.SortFunc(list, func(a, b Object) int {
		return cmp.Or(
			cmp.Compare(rank(a.Missing[0].Reason), rank(b.Missing[0].Reason)), cmp.Compare(len(b.Missing), len(a.Missing)),
			cmp.Compare(kindRank(a.Kind), kindRank(b.Kind)), cmp.Compare(a.Name, b.Name))
	})
	return list
}

func kindRank(k mesh.Kind) int { return slices.Index(mesh.Kinds(), k) }

// Object says how far one object got; with no proxy that it concerns, Total is zero.
func (s Survey) Object(ref mesh.Ref) Object {
	newest, oldest := s.lately()
	return s.object(ref, newest[ref], oldest)
}

// object says how far one object got. Of one that was not changed lately, a proxy that is behind lacks it only when that
// proxy is further behind than the entries reach.
func (s Survey) object(ref mesh.Ref, t touched, oldest int64) Object {
	out := Object{
		Kind: ref.Kind, Name: ref.Name, Version: s.in.Current.Versions[ref], Missing: []Proxy{},
		Change: cmp.Or(t.change, s.in.Current.Changed[ref]),
	}
	_, exists := s.in.Current.Mesh.Get(ref)
	out.Deleted = !exists
	revision := t.revision
	if revision == 0 {
		revision = oldest - 1
	}
	ends := s.index.concerned(ref)
	for _, b := range s.behind {
		// What a deleted object concerned is not known any more: whoever is behind its deletion may still run it.
		if (out.Deleted || ends.has(b.end)) && b.Revision < revision {
			out.Missing = append(out.Missing, b.Proxy)
		}
	}
	gone := 0
	for _, b := range out.Missing {
		if b.Reason == Gone {
			gone++
		}
	}
	if out.Deleted {
		out.Total = len(out.Missing)
		return out
	}
	for end, proxies := range s.byEnd {
		if ends.has(end) {
			out.Total += len(proxies)
		}
	}
	out.Total += gone
	out.Programmed = out.Total - len(out.Missing)
	return out
}
