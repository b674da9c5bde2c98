package change

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/guard"
	"github.com/weirmesh/weir/server/mesh"
)

// sealed is what never changes of an entry. Its JSON is the canonical form that is hashed: the fields in this order, moments
// in UTC, objects as the vocabulary writes them. What is added later has to be left out when it is empty, so that older
// entries keep their hash.
type sealed struct {
	Form     int            `json:"form"`     // of this structure
	Previous string         `json:"previous"` // hash of the mesh's entry before; empty: there is none, or it has none
	ID       string         `json:"id"`
	Mesh     string         `json:"mesh"`
	Revision int64          `json:"revision"`
	Kind     mesh.Kind      `json:"kind"`
	Name     string         `json:"name"`
	Objects  []mesh.Ref     `json:"objects"`
	Summary  string         `json:"summary"`
	Author   string         `json:"author"`
	Reason   string         `json:"reason"`
	At       time.Time      `json:"at"`
	Diff     string         `json:"diff"`
	Undoes   string         `json:"undoes,omitempty"`
	Breaches []guard.Breach `json:"breaches,omitempty"`
	Override string         `json:"override,omitempty"`
	Rollout  string         `json:"rollout,omitempty"`
	Approved string         `json:"approvedBy,omitempty"`
	Key      string         `json:"key,omitempty"`
	Digest   string         `json:"digest"`
	Edits    []sealedEdit   `json:"edits"`
}

type sealedEdit struct {
	Ref     mesh.Ref    `json:"ref"`
	Before  mesh.Object `json:"before"`
	After   mesh.Object `json:"after"`
	Version int64       `json:"version"`
}

// Seal gives an entry's hash: SHA-256, in hexadecimal, over what never changes of it and over the hash of the entry of the
// same mesh before it. Whoever alters, removes or inserts an entry would have to write every later one anew.
func Seal(previous string, r Record) (string, error) {
	c := r.Change
	s := sealed{
		Form: 1, Previous: previous, ID: c.ID, Mesh: c.Mesh, Revision: c.Accepted.Revision, Kind: c.Kind, Name: c.Name, Objects: c.Objects,
		Summary: c.Summary, Author: c.Author, Reason: c.Reason, At: c.At.UTC(), Diff: c.Diff, Undoes: c.Undoes,
		Breaches: c.Breaches, Override: c.Override, Rollout: c.Rollout, Approved: c.ApprovedBy, Key: r.Key, Digest: r.Digest,
		Edits: make([]sealedEdit, len(r.Edits)),
	}
	for i, e := range r.Edits {
		s.Edits[i] = sealedEdit(e)
	}
	data, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("seal change %s: %w", c.ID, err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// head is the newest entry of a mesh's chain.
type head struct {
	id, hash string
	revision int64
}

// maxBreaks bounds what is told of a chain that is broken everywhere.
const maxBreaks = 50

// verifyPage is how many entries are read at once.
const verifyPage = 200

// Verification is what became of checking a mesh's chain.
type Verification struct {
	Mesh      string  `json:"mesh"`
	Deleted   bool    `json:"deleted,omitempty"` // the mesh is gone; what was done to it is not
	OK        bool    `json:"ok"`
	Entries   int     `json:"entries"`   // that were read
	Chained   int     `json:"chained"`   // of those, with a hash
	Unchained int     `json:"unchained"` // recorded before entries were chained: nothing vouches for them
	Newest    string  `json:"newest"`    // ID of the newest entry
	Hash      string  `json:"hash"`      // of the newest entry; kept elsewhere, it vouches for all before it
	Broken    []Break `json:"broken"`    // newest first, at most 50
}

// Break is one thing that does not fit.
type Break struct {
	ID       string `json:"id,omitempty"` // of the entry
	Revision int64  `json:"revision,omitempty"`
	Message  string `json:"message"`
}

// Ledgers names the meshes that something was ever done to, sorted: those that were deleted, too.
func (d *Door) Ledgers() []string {
	d.write.Lock()
	defer d.write.Unlock()
	return slices.Sorted(maps.Keys(d.heads))
}

// Verify reads a mesh's whole ledger and checks that every entry is as it was when it was recorded, that none is missing,
// that the states of entries fit what later ones say, and that the mesh is what the entries make it. Errors: mesh.NotFound,
// mesh.Unavailable; a chain that is broken is none.
func (d *Door) Verify(ctx context.Context, meshName string) (Verification, error) {
	d.write.Lock()
	latest, cancel := patient(ctx)
	_, err := d.catchUp(latest, meshName, true)
	cancel()
	if err != nil {
		d.write.Unlock()
		return Verification{}, err
	}
	top, known := d.heads[meshName]
	now := d.current(meshName)
	d.write.Unlock()
	if !known {
		_, err := d.Mesh(meshName)
		if err == nil {
			err = mesh.Errorf(mesh.NotFound, "mesh %s has no ledger yet", meshName)
		}
		return Verification{}, err
	}
	v := &verifier{top: top, now: now, objects: make(map[mesh.Ref]bool), undone: make(map[string]string)}
	v.Mesh, v.Deleted, v.Newest, v.Hash, v.Broken = meshName, now.Mesh.Name == "", top.id, top.hash, []Break{}
	before := top.id + "~" // sorts after it and before every later one
	for {
		records, err := d.store.Records(ctx, Query{Mesh: meshName, Before: before, Limit: verifyPage})
		if err != nil {
			return Verification{}, err
		}
		for _, r := range records {
			if err := v.take(r); err != nil {
				return Verification{}, err
			}
		}
		if len(records) < verifyPage {
			break
		}
		before = records[len(records)-1].Change.ID
	}
	if err := v.end(); err != nil {
		return Verification{}, err
	}
	return v.Verification, nil
}
