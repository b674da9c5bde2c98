package people

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// What is shown once is a public half, by which the record is found, and a secret half: weir_2tjpy48000_<secret>. The
// prefix lets scanners of repositories find tokens that were committed.
const (
	tokenPrefix = "weir"
	proxyPrefix = "weirproxy"
)

// alphabet is base 32 in lower case without letters that look like digits, after Crockford: a secret can be selected by a
// double click and typed from paper.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// The size of secrets, in characters of five bits.
const (
	tokenSecret = 40 // 200 bits
	linkSecret  = 26 // 130 bits
	idLength    = 10
)

// newSecret makes one of n characters.
func newSecret(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	return string(b)
}

func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// sameHash compares in constant time.
func sameHash(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// join writes prefix_id_secret; without a prefix id_secret.
func join(prefix, id, secret string) string {
	if prefix == "" {
		return id + "_" + secret
	}
	return prefix + "_" + id + "_" + secret
}

// split reads what join writes, with a secret of n characters, and nothing else.
func split(prefix, text string, n int) (id, secret string, ok bool) {
	if prefix != "" {
		if text, ok = strings.CutPrefix(text, prefix+"_"); !ok {
			return "", "", false
		}
	}
	if len(text) != idLength+1+n || text[idLength] != '_' {
		return "", "", false
	}
	id, secret = text[:idLength], text[idLength+1:]
	for _, half := range []string{id, secret} {
		if strings.ContainsFunc(half, func(r rune) bool { return !strings.ContainsRune(alphabet, r) }) {
			return "", "", false
		}
	}
	return id, secret, true
}

// errToken is what every token that does not count is answered with: a guesser learns nothing from it.
func errToken() error {
	return mesh.Errorf(mesh.Unauthenticated, "the token is not valid: it is unknown, revoked or expired, or its owner may not sign in; mint another")
}

// errLink is what every link that does not count is answered with.
func errLink() error {
	return mesh.Errorf(mesh.Unauthenticated, "the link is not valid: it was used, is older than a day, or a newer one was made; ask for another")
}
