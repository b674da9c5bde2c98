package people

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"strings"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/mesh"
)

// The form of access keys, which is AWS': clients check it.
const (
	keyPrefix   = "AKIA"
	keyIDBytes  = 10 // 16 characters of base 32
	secretBytes = 30 // 40 characters of base 64
	keyIDLength = len(keyPrefix) + 16
)

// MintKey makes an App Mesh access key of the person that the context names: Minted.ID and Minted.Secret are what AWS calls
// access key ID and secret access key. The secret is kept, sealed, since signatures are checked with it. Errors as Mint's.
func (t *Tokens) MintKey(ctx context.Context, w Wish) (Minted, error) {
	token, err := t.prepare(ctx, KindKey, w)
	if err != nil {
		return Minted{}, err
	}
	var random [keyIDBytes + secretBytes]byte
	_, _ = rand.Read(random[:]) // never fails: it ends the program instead
	token.ID = keyPrefix + base32.StdEncoding.EncodeToString(random[:keyIDBytes])
	secret := base64.StdEncoding.EncodeToString(random[keyIDBytes:])
	token.Hash, token.Sealed = hashOf(secret), t.sealer.seal(token.ID, secret)
	if err := t.keep(ctx, token, maxTokens); err != nil {
		return Minted{}, err
	}
	return Minted{Token: token, Secret: secret}, nil
}

// Key gives an access key's secret, to check a signature with, and who a request that it signs is of: use the identity only
// when the signature is right. Errors: mesh.Unauthenticated, in the same words whatever is wrong with the key,
// mesh.Unavailable when it was sealed with another key file.
func (t *Tokens) Key(ctx context.Context, id string) (secret string, who auth.Identity, err error) {
	if half, ok := strings.CutPrefix(id, keyPrefix); !ok || len(id) != keyIDLength || strings.Trim(half, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		return "", auth.Identity{}, t.refuse(ctx, "", "malformed")
	}
	token, err := t.store.Token(ctx, id)
	switch {
	case mesh.CodeOf(err) == mesh.NotFound || err == nil && token.Kind != KindKey:
		return "", auth.Identity{}, t.refuse(ctx, id, "unknown")
	case err != nil:
		return "", auth.Identity{}, err
	case !token.Valid(t.now()):
		return "", auth.Identity{}, t.refuse(ctx, id, "expired or revoked")
	}
	if secret, err = t.sealer.open(token.ID, token.Sealed); err != nil {
		return "", auth.Identity{}, err
	}
	who, err = t.identity(ctx, token)
	if err != nil {
		return "", auth.Identity{}, err
	}
	return secret, who, nil
}
