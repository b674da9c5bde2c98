package people

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/weirmesh/weir/server/mesh"
)

// keySize is that of AES-256.
const keySize = 32

// KeyFile is the name of the key's file within the data directory.
const KeyFile = "secret.key"

// LoadKey reads the key that seals access keys, 64 hexadecimal digits, from a file, and makes one for its owner alone if there
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
	if err != nil || len(key) != keySize {
		return nil, mesh.Errorf(mesh.Invalid, "key file %s does not hold %d hexadecimal digits: restore it from a backup, or move it away and mint new access keys", path, 2*keySize)
	}
	return key, nil
}

// makeKey writes the file whole or not at all; of two processes that make it at once, one wins.
func makeKey(path string) error {
	var key [keySize]byte
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

// sealer encrypts and decrypts with AES-256-GCM. What it seals begins with four bytes that tell its key from others, and is
// bound to a name.
type sealer struct {
	aead cipher.AEAD
	mark []byte
}

// markSize is the number of bytes that tell a key from others.
const markSize = 4

func newSealer(key []byte) (*sealer, error) {
	if len(key) != keySize {
		return nil, mesh.Errorf(mesh.Invalid, "the key that seals access keys has %d bytes: it has %d", len(key), keySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte("weir key "), key...))
	return &sealer{aead: aead, mark: sum[:markSize]}, nil
}

func (s *sealer) seal(name, secret string) []byte {
	return s.aead.Seal(bytes.Clone(s.mark), nil, []byte(secret), []byte(name))
}

// open gives what was sealed under that name. Error: mesh.Unavailable when it was sealed with another key.
func (s *sealer) open(name string, sealed []byte) (string, error) {
	if len(sealed) < markSize || !bytes.Equal(sealed[:markSize], s.mark) {
		return "", mesh.Errorf(mesh.Unavailable, "access key %s was sealed with another key than this Weir has: give every replica the same key file, or mint a new access key", name)
	}
	secret, err := s.aead.Open(nil, nil, sealed[markSize:], []byte(name))
	if err != nil {
		return "", mesh.Errorf(mesh.Unavailable, "the secret of access key %s is damaged: mint a new one: %w", name, err)
	}
	return string(secret), nil
}
