package journal

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// How patient a webhook's teller is: an event is tried for a while, with pauses that grow; a receiver that falls far
// behind is not told what is in between.
const (
	tellFor       = 5 * time.Minute
	firstTellWait = time.Second
	mostTellWait  = 30 * time.Second
	maxBehind     = 1000
	tellBatch     = 100
)

// Hook is a webhook that wants to be told of events.
type Hook struct {
	Name   string
	Kinds  []Kind   // empty: all
	Meshes []string // empty: all
	// Send tells one event; mesh.Invalid means that no attempt can change what is wrong.
	Send func(ctx context.Context, e Event) error
}

// HookState is how a webhook does.
type HookState struct {
	Name      string     `json:"name"`
	Kinds     []Kind     `json:"kinds"`
	Meshes    []string   `json:"meshes"`
	Delivered int64      `json:"delivered"`           // events, since Weir started
	Lost      int64      `json:"lost"`                // events that it was not told
	Behind    int64      `json:"behind"`              // events that have happened since the last one that was looked at
	Failing   bool       `json:"failing"`             // the last attempt failed
	Message   string     `json:"message,omitempty"`   // why
	FailingAt *time.Time `json:"failingAt,omitempty"` // since when
}

// Teller tells one webhook what the journal records, in order, without ever holding the journal up: it reads the store at
// its own pace. What happens while Weir is not running is not told.
type Teller struct {
	hook    Hook
	journal *Journal
	log     *slog.Logger
	first   time.Duration // the shortest pause between two attempts

	mu     sync.Mutex
	cursor int64
	state  HookState
}

// NewTeller makes a teller that begins after the newest event.
func NewTeller(j *Journal, h Hook) *Teller {
	return &Teller{
		hook: h, journal: j, log: j.o.Logger, first: firstTellWait, cursor: j.Last(),
		state: HookState{Name: h.Name, Kinds: slices.Clone(h.Kinds), Meshes: slices.Clone(h.Meshes)},
	}
}

// Skip leaves out what was recorded so far: whoever told before has told that.
func (t *Teller) Skip() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cursor = max(t.cursor, t.journal.Last())
}

// State says how the webhook does.
func (t *Teller) State() HookState {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.state
	s.Behind = max(t.journal.Last()-t.cursor, 0)
	return s
}

// Run tells until ctx ends.
func (t *Teller) Run(ctx context.Context) error {
	wake := t.journal.Published().Subscribe(1)
	defer wake.Close()
	for {
		for t.round(ctx) {
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake.C:
		case <-time.After(mostTellWait): // a store that could not be read is asked again
		}
	}
}

// round tells a batch; false when nothing is left to tell, or ctx ended.
func (t *Teller) round(ctx context.Context) bool {
	t.mu.Lock()
	after := t.cursor
	t.mu.Unlock()
	newest := t.journal.Last()
	if skip := newest - after - maxBehind; skip > 0 {
		after += skip
		t.mu.Lock()
		t.cursor = after
		t.state.Lost += skip
		t.mu.Unlock()
	}
	list, err := t.journal.Events(ctx, Query{After: after, Forward: true, Limit: tellBatch})
	if err != nil || len(list) == 0 {
		return false
	}
	for _, e := range list {
		if t.wants(e) && !t.tell(ctx, e) {
			return false
		}
		t.mu.Lock()
		t.cursor = e.ID
		t.mu.Unlock()
	}
	return ctx.Err() == nil
}

// wants says whether the webhook is to be told. It is not told of itself, or telling would never end.
func (t *Teller) wants(e Event) bool {
	if e.Kind == KindWebhook && e.Subject == t.hook.Name {
		return false
	}
	return (len(t.hook.Kinds) == 0 || slices.Contains(t.hook.Kinds, e.Kind)) &&
		(len(t.hook.Meshes) == 0 || e.Mesh == "" || slices.Contains(t.hook.Meshes, e.Mesh))
}

// tell tells one event, and gives up after a while; false when ctx ended first.
func (t *Teller) tell(ctx context.Context, e Event) bool {
	begun := time.Now()
	for pause := t.first; ; pause = min(2*pause, mostTellWait) {
		err := t.hook.Send(ctx, e)
		if ctx.Err() != nil && err != nil {
			return false
		}
		lost := err != nil && (mesh.CodeOf(err) == mesh.Invalid || time.Since(begun) > tellFor)
		t.note(err, lost)
		if err == nil || lost {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}

// note keeps how an attempt went, and has the journal say when that turned.
func (t *Teller) note(err error, lost bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.state.Failing
	switch {
	case err == nil:
		t.state.Delivered++
		t.state.Failing, t.state.Message, t.state.FailingAt = false, "", nil
	case !was:
		now := time.Now().UTC()
		t.state.FailingAt = &now
		fallthrough
	default:
		t.state.Failing, t.state.Message = true, clip(err.Error())
	}
	if lost {
		t.state.Lost++
	}
	if was == t.state.Failing {
		return
	}
	turn := Event{
		At: time.Now().UTC(), Kind: KindWebhook, Subject: t.hook.Name, Severity: Info, What: "webhook.works",
		With: map[string]string{"name": t.hook.Name},
	}
	if t.state.Failing {
		turn.Severity, turn.What, turn.Detail = Warning, "webhook.failing", t.state.Message
		t.log.Warn("a webhook cannot be told", "webhook", t.hook.Name, "error", t.state.Message)
	}
	t.journal.Add(turn)
}
