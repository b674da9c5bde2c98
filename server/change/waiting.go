package change

import (
	"cmp"
	"slices"
)

// Waiting lists the changes of a mesh that wait to be kept, the one whose deadline is next first. It answers from memory,
// so that every page can ask.
func (d *Door) Waiting(meshName string) []Change {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var list []Change
	for _, e := range d.active {
		if c := e.change; c.Mesh == meshName && c.State == Pending && c.ConfirmBy != nil {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b Change) int { return cmp.Or(a.ConfirmBy.Compare(*b.ConfirmBy), cmp.Compare(a.ID, b.ID)) })
	return list
}
