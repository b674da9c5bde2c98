package web

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/timeline"
)

// What was recorded is asked for trouble that may be older than the process: an hour of it, and seldom, since the film of a
// large mesh costs seconds of CPU.
const (
	recallSpan     = time.Hour
	recallStep     = 30 * time.Second
	recallEvery    = 20 * time.Second
	recallPatience = time.Minute
	// recallGap is how many moments beside one at which nothing was seen do not tell that an edge was well: their windows
	// were not full.
	recallGap = 2
)

// recalls asks the recorded history for the beginnings that the process has not seen itself.
type recalls struct {
	w     *Web
	going sync.WaitGroup
	last  map[string]time.Time // when a mesh's history was asked
}

// look begins to ask for a mesh's, where something is not known and was not asked for lately.
func (r *recalls) look(ctx context.Context, name string) {
	now := r.w.Now()
	if r.w.Timeline == nil || now.Sub(r.last[name]) < recallEvery || !r.w.ills.unsure(name) {
		return
	}
	r.last[name] = now
	r.going.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, recallPatience)
		defer cancel()
		end := now.Truncate(recallStep)
		frames, err := r.w.Timeline.Frames(ctx, name, spanOf(end.Add(-recallSpan), end, recallStep))
		if err != nil {
			// Then the pages go on saying that it may be older.
			r.w.Logger.DebugContext(ctx, "history not read", "mesh", name, "err", err)
		}
		r.w.ills.recall(name, frames)
	})
}

// unsure says whether there is trouble that may be older than it is known to be, and whose history was not read.
func (t *troubles) unsure(mesh string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, each := range t.meshes[mesh] {
		if each.atLeast && !each.asked {
			return true
		}
	}
	return false
}

// recall takes the beginnings of a mesh's troubles from its history.
func (t *troubles) recall(mesh string, f timeline.Frames) {
	begun := beginnings(f)
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, each := range t.meshes[mesh] {
		if !each.atLeast || each.asked {
			continue
		}
		each.asked = true
		if found, ok := begun[key]; ok && found.since.Before(each.since) {
			each.since, each.atLeast = found.since, found.atLeast
		}
	}
}

// beginnings are since when the edges of a film that are ill at its end have been so, and by the boxes that they lead to the
// earliest of each. An edge that was ill before a gap and is after it has been ill through it.
func beginnings(f timeline.Frames) map[string]trouble {
	open, paused := make(map[string]trouble), make(map[string]bool)
	for _, turn := range f.Turns {
		key, i := edgeKey(turn.From, turn.To), slices.IndexFunc(f.At, turn.At.Equal)
		switch {
		case !ill(turn.Is) && nearGap(f, i):
			paused[key] = true
		case !ill(turn.Is):
			delete(open, key)
			delete(paused, key)
		case ill(turn.Was): // only worse, or better
		case paused[key] && nearGap(f, i):
			delete(paused, key)
		default:
			open[key] = trouble{since: turn.At, atLeast: nearGap(f, i)}
			delete(paused, key)
		}
	}
	for _, turn := range f.Turns {
		found, ok := open[edgeKey(turn.From, turn.To)]
		if box, has := open[turn.To]; ok && (!has || found.since.Before(box.since)) {
			open[turn.To] = found
		}
	}
	return open
}

// nearGap says whether nothing was seen of the mesh at a moment, or shortly before it.
func nearGap(f timeline.Frames, at int) bool {
	if at < 0 || at >= len(f.Health) {
		return false
	}
	return slices.Contains(f.Health[max(0, at-recallGap):at+1], mesh.Unknown)
}
