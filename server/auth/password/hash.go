// Package password makes and checks password hashes: argon2id in PHC's string format, few at a time, and the rule that a
// password has to keep.
//
// It knows nobody: whose password it is, and what a wrong one leads to, is said in server/auth/people.
package password

import (
	"crypto/subtle"
	"encoding/base64"
	"log/slog"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/weirmesh/weir/server/mesh"
)

// Hash is a password's hash in PHC's string format, salt and parameters included. Empty: there is no password. It does not
// show itself where values are printed; convert it to string to keep it.
type Hash string

// String tells whether there is one and nothing of it.
func (h Hash) String() string {
	if h == "" {
		return ""
	}
	return "<hash>"
}

// GoString is String.
func (h Hash) GoString() string { return h.String() }

// LogValue keeps a hash out of logs.
func (h Hash) LogValue() slog.Value { return slog.StringValue(h.String()) }

// MarshalJSON keeps a hash out of answers.
func (h Hash) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(h.String())), nil }

// Params is what a hash costs.
type Params struct {
	Memory uint32 // KiB
	Passes uint32
	Lanes  uint8
}

// Default is what OWASP's cheat sheet on password storage recommends for argon2id: 19 MiB, two passes, one lane.
func Default() Params { return Params{Memory: 19 << 10, Passes: 2, Lanes: 1} }

const (
	saltSize = 16 // bytes, RFC 9106 section 4
	keySize  = 32 // bytes
)

// The most that a recorded hash may ask for: a database somebody wrote to must not exhaust this machine.
const (
	maxMemory = 64 << 10 // KiB
	maxPasses = 10
	maxLanes  = 4
	maxField  = 64 // bytes of a salt or a key
	minSalt   = 8
	minKey    = 16
	maxHash   = 512 // bytes of the whole string
)

// phc is a hash taken apart.
type phc struct {
	Params
	salt, key []byte
}

// derive computes the key of a password.
func (p phc) derive(password string, size uint32) []byte {
	return argon2.IDKey([]byte(password), p.salt, p.Passes, p.Memory, p.Lanes, size)
}

// right compares in constant time.
func (p phc) right(password string) bool {
	return subtle.ConstantTimeCompare(p.derive(password, uint32(len(p.key))), p.key) == 1 //nolint:gosec // at most maxField
}

// String writes the hash: $argon2id$v=19$m=19456,t=2,p=1$salt$key, the latter two in base 64 without padding.
func (p phc) String() string {
	encode := base64.RawStdEncoding.EncodeToString
	var b strings.Builder
	b.WriteString("$argon2id$v=" + strconv.Itoa(argon2.Version))
	b.WriteString("$m=" + strconv.FormatUint(uint64(p.Memory), 10))
	b.WriteString(",t=" + strconv.FormatUint(uint64(p.Passes), 10))
	b.WriteString(",p=" + strconv.FormatUint(uint64(p.Lanes), 10))
	b.WriteString("$" + encode(p.salt) + "$" + encode(p.key))
	return b.String()
}

// parse reads what String writes and nothing else. Error: mesh.Internal, which does not repeat the hash.
func parse(s string) (phc, error) {
	fields := strings.Split(s, "$")
	if len(s) > maxHash || len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" || fields[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, mesh.Errorf(mesh.Internal, "a recorded password hash is none of argon2id: have an administrator reset that password")
	}
	p, ok := parseParams(fields[3])
	if !ok {
		return phc{}, mesh.Errorf(mesh.Internal, "a recorded password hash has parameters that cannot be: have an administrator reset that password")
	}
	out := phc{Params: p}
	var errSalt, errKey error
	out.salt, errSalt = base64.RawStdEncoding.Strict().DecodeString(fields[4])
	out.key, errKey = base64.RawStdEncoding.Strict().DecodeString(fields[5])
	if errSalt != nil || errKey != nil || len(out.salt) < minSalt || len(out.salt) > maxField || len(out.key) < minKey || len(out.key) > maxField ||
		out.String() != s {
		return phc{}, mesh.Errorf(mesh.Internal, "a recorded password hash is damaged: have an administrator reset that password")
	}
	return out, nil
}

// parseParams reads m=19456,t=2,p=1.
func parseParams(s string) (Params, bool) {
	var n [3]uint64
	parts := strings.Split(s, ",")
	if len(parts) != len(n) {
		return Params{}, false
	}
	for i, prefix := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(parts[i], prefix)
		v, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil {
			return Params{}, false
		}
		n[i] = v
	}
	if n[0] < 8*n[2] || n[0] > maxMemory || n[1] < 1 || n[1] > maxPasses || n[2] < 1 || n[2] > maxLanes {
		return Params{}, false
	}
	return Params{Memory: uint32(n[0]), Passes: uint32(n[1]), Lanes: uint8(n[2])}, true
}
