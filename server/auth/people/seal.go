package people

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/weirmesh/weir/server/auth/seal"
	"github.com/weirmesh/weir/server/mesh"
)

// KeyFile is the name of the key's file within the data directory.
const KeyFile = "secret.key"

// LoadKey reads the key that seals access keys and the keys of the authority for proxies, 64 hexadecimal digits, from a file, and makes one for its owner alone if there
// is no such file. Replicas have to be given the same. Error: mesh.Invalid, mesh.Unavailable.
func LoadKey(path string) ([]byte, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator's own file
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(path); err != nil {
			return nil, mesh.Errorf(mesh.Unavailable, "key file %s cannot be made: %w", path, err)
		}
		data, err = os.ReadFile(path) //nolint:gosec // the operator's own file
	}
	if err != nil {
		return nil, mesh.Errorf(mesh.Unavailable, "key file %s cannot be read: %w", path, err)
	}
	key, err := hex.DecodeString(string(bytes.TrimSpace(data)))
	if err != nil || len(key) != seal.KeySize {
		return nil, mesh.Errorf(mesh.Invalid, "key file %s does not hold %d hexadecimal digits: restore it from a backup, or move it away and mint new access keys", path, 2*seal.KeySize)
	}
	return key, nil
}

// makeKey writes the file whole or not at all; of two processes that make it at once, one wins.
func makeKey(path string) error {
	var key [seal.KeySize]byte
	_, _ = rand.Read(key[:]) // never fails: it ends the program instead
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.WriteString(hex.EncodeToString(key[:]) + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// sealer seals the secrets of access keys.
type sealer struct{ *seal.Sealer }

func newSealer(key []byte) (*sealer, error) {
	s, err := seal.New(key)
	if err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "the key that seals access keys: %w", err)
	}
	return &sealer{s}, nil
}

func (s *sealer) seal(name, secret string) []byte { return s.Seal(name, []byte(secret)) }

// open gives what was sealed under that name. Error: mesh.Unavailable when it was sealed with another key.
func (s *sealer) open(name string, sealed []byte) (string, error) {
	secret, err := s.Open(name, sealed)
	switch {
	case errors.Is(err, seal.ErrOtherKey):
		return "", mesh.Errorf(mesh.Unavailable, "access key %s was sealed with another key than this Weir has: give every replica the same key file, or mint a new access key", name)
	case err != nil:
		return "", mesh.Errorf(mesh.Unavailable, "the secret of access key %s is damaged: mint a new one: %w", name, err)
	}
	return string(secret), nil
}
