package canary

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Call is one call of a webhook, with what its receiver is told: Flagger's fields.
type Call struct {
	Hook      Webhook
	Name      string            // of the target: "reviews/primary"
	Namespace string            // the mesh
	Phase     string            // in Flagger's words; Metadata has ours
	Checksum  string            // of the spec: the same as long as nothing else is asked for
	Metadata  map[string]string // the webhook's own, with the rollout's id, phase, weight and why
}

// call makes the call of a webhook.
func (r Rollout) call(w Webhook, now time.Time) Call {
	metadata := maps.Clone(w.Metadata)
	if metadata == nil {
		metadata = make(map[string]string)
	}
	maps.Copy(metadata, map[string]string{
		"rollout": r.ID, "rolloutPhase": string(r.Phase), "step": strconv.Itoa(r.Step), "weight": strconv.Itoa(r.Weight),
		"stable": r.Spec.Stable, "canary": r.Spec.Canary, "eventType": r.severity(), "eventMessage": r.Why,
		"timestamp": strconv.FormatInt(now.UnixMilli(), 10),
	})
	return Call{
		Hook: w, Name: r.Spec.Target.Name, Namespace: r.Mesh, Phase: r.flaggerPhase(), Checksum: r.checksum(), Metadata: metadata,
	}
}

// flaggerPhase is the phase in the words that Flagger's receivers compare with.
func (r Rollout) flaggerPhase() string {
	switch {
	case r.Phase == Pending:
		return "Initialized"
	case r.Phase == Aborted:
		return "Failed"
	case r.Phase == Paused && r.Step >= len(r.Spec.Steps):
		return "WaitingPromotion"
	case r.Phase == Paused, r.Phase == Inconclusive:
		return "Waiting"
	default:
		return string(r.Phase)
	}
}

func (r Rollout) severity() string {
	if r.Phase == Aborted || r.Phase == Inconclusive || r.Outside {
		return "Warning"
	}
	return "Normal"
}

func (r Rollout) checksum() string {
	data, _ := json.Marshal(r.Spec) // it was read from JSON
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:5])
}

// asked lists the webhooks whose answer matters where the rollout stands.
func (r Rollout) asked() []Webhook {
	var kinds []string
	switch {
	case r.Outside || r.Phase.Over() || r.Phase == Promoting:
		return nil
	case r.Phase == Pending:
		kinds = []string{HookConfirmRollout}
		if _, held := r.held(HookConfirmRollout); !held {
			kinds = []string{HookPreRollout}
		}
	default:
		kinds = []string{HookRollout, HookRollback}
		if r.Phase == Paused && r.Step >= len(r.Spec.Steps) {
			kinds = append(kinds, HookConfirmPromotion)
		}
	}
	var list []Webhook
	for _, w := range r.Spec.Webhooks {
		if slices.Contains(kinds, w.Type) {
			list = append(list, w)
		}
	}
	return list
}

// called adds a webhook's answer to what is known.
func (r Rollout) called(w Webhook, err error, now time.Time) Rollout {
	c := Called{Name: w.Name, Type: w.Type, At: now, OK: err == nil}
	i := slices.IndexFunc(r.Hooks, func(h Called) bool { return h.Name == w.Name })
	if err != nil {
		c.Failed, c.Message = 1, err.Error()
		if i >= 0 {
			c.Failed += r.Hooks[i].Failed
		}
	}
	r.Hooks = slices.Clone(r.Hooks)
	if i >= 0 {
		r.Hooks[i] = c
	} else {
		r.Hooks = append(r.Hooks, c)
	}
	return r
}
