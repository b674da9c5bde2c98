// Package seal encrypts the secrets that are kept in the database with the installation's key, which is not: AES-256-GCM,
// bound to the name of what is sealed. What is sealed begins with four bytes that tell its key from others.
package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
)

// KeySize is that of AES-256, in bytes.
const KeySize = 32

// markSize is the number of bytes that tell a key from others.
const markSize = 4

// ErrOtherKey is the error of what was sealed with another key.
var ErrOtherKey = errors.New("sealed with another key")

// Sealer encrypts and decrypts. It may be used by many goroutines.
type Sealer struct {
	aead cipher.AEAD
	mark []byte
}

// New makes a Sealer. Error: a key that has not KeySize bytes.
func New(key []byte) (*Sealer, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("the key has %d bytes: it has %d", len(key), KeySize)
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
	return &Sealer{aead: aead, mark: sum[:markSize]}, nil
}

// Seal encrypts a secret under a name.
func (s *Sealer) Seal(name string, secret []byte) []byte {
	return s.aead.Seal(bytes.Clone(s.mark), nil, secret, []byte(name))
}

// Open gives what was sealed under that name. Errors: ErrOtherKey, and any other for what is damaged or has another name.
func (s *Sealer) Open(name string, sealed []byte) ([]byte, error) {
	if len(sealed) < markSize || !bytes.Equal(sealed[:markSize], s.mark) {
		return nil, ErrOtherKey
	}
	return s.aead.Open(nil, nil, sealed[markSize:], []byte(name))
}
