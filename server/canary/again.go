package canary

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/weirmesh/weir/server/mesh"
)

// remembered is among how many of a mesh's newest rollouts a repeated start is looked for.
const remembered = 200

// digest tells specs apart as they were written, before anything is filled in: what is filled in depends on the moment.
func (s Spec) digest() string {
	text, err := json.Marshal(s)
	if err != nil {
		return "" // not a number somewhere, which Validate refuses
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

// again finds the rollout that was started under the same key; ok is false when there is none. It has to have been asked
// for in the same words.
func (c *Controller) again(ctx context.Context, meshName, digest string, by By) (r Rollout, ok bool, err error) {
	if by.Key == "" || by.DryRun {
		return r, false, nil
	}
	list, err := c.o.Store.Rollouts(ctx, Query{Mesh: meshName, Limit: remembered})
	if err != nil {
		return r, false, err
	}
	for _, each := range list {
		switch {
		case each.Key != by.Key:
		case each.Digest != digest:
			return r, false, mesh.Errorf(mesh.Conflict, "the key began rollout %s of %s, which is another one: take a new key", each.ID, each.Spec.Target)
		default:
			r, err = c.Get(ctx, each.ID)
			return r, err == nil, err
		}
	}
	return r, false, nil
}
