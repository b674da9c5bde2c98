package store

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/gofrs/flock"

	"github.com/weirmesh/weir/server/mesh"
)

// lockFile is locked by the process that has the data directory and says which one that is. The lock is the operating
// system's, so it ends with the process however that ends.
const lockFile = "weir.lock"

// lockDir makes the data directory if need be and locks it.
func lockDir(dir string) (*flock.Flock, error) {
	if dir == "" {
		return nil, mesh.Errorf(mesh.Invalid, "no data directory: name one with --data")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, dirError(dir, err)
	}
	path := filepath.Join(dir, lockFile)
	lock := flock.New(path, flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, dirError(dir, err)
	}
	if !ok {
		return nil, mesh.Errorf(mesh.Conflict,
			"data directory %s is in use by %s: stop that one, or name another directory with --data", dir, holder(path))
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(dirError(dir, err), lock.Unlock())
	}
	return lock, nil
}

// holder says who holds the lock, as far as the lock's file tells.
func holder(path string) string {
	data, err := os.ReadFile(path) //nolint:gosec // within the operator's own data directory
	pid, number := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || number != nil {
		return "another Weir process"
	}
	if pid == os.Getpid() {
		return "this process already"
	}
	return "another Weir, process " + strconv.Itoa(pid)
}

func dirError(dir string, err error) error {
	switch {
	case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.EROFS):
		return mesh.Errorf(mesh.Unavailable, "data directory %s is not writable: give this user the right, or name another with --data: %w", dir, err)
	case errors.Is(err, syscall.ENOTDIR):
		return mesh.Errorf(mesh.Invalid, "data directory %s is not a directory: name another with --data: %w", dir, err)
	}
	return mesh.Errorf(mesh.Unavailable, "data directory %s cannot be used: %w", dir, err)
}
