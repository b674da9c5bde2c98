package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// freeBytes is what the disk of dir has left for this user.
func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:gosec,unconvert // no disk is that large; other systems have other types
}

// dirBytes is how much the files in dir take. What vanishes meanwhile counts as nothing.
func dirBytes(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				return nil
			}
			return err
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	return sum, err
}

// errNoRoom is why the store is not opened: the library ends the process when it cannot write while it reads its log.
var errNoRoom = errors.New("no room")

// room makes sure that the log can be read again, for which parts of it are written anew, and that the directory takes
// what is written into it: a quota does not show in the free space.
func (s *Store) room() error {
	var need int64 = 1 << 20
	for _, log := range []string{"wal", "wbl"} {
		bytes, err := dirBytes(filepath.Join(s.o.Dir, log))
		if err != nil {
			return err
		}
		need += bytes
	}
	if free, err := freeBytes(s.o.Dir); err == nil && free < need {
		return fmt.Errorf("%w: the disk of %s has %s left and %s are needed to read the metrics log; free some space", errNoRoom, s.o.Dir, size(free), size(need))
	}
	if err := s.probe(); err != nil {
		return fmt.Errorf("%w: nothing can be written to %s (%w); free some space or raise the quota", errNoRoom, s.o.Dir, err)
	}
	return nil
}

// probe writes a file of a megabyte and takes it away again.
func (s *Store) probe() error {
	name := filepath.Join(s.o.Dir, "probe")
	err := os.WriteFile(name, make([]byte, 1<<20), 0o600)
	if gone := os.Remove(name); gone != nil && !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// measure looks at the disk.
func (s *Store) measure() {
	free, err := freeBytes(s.o.Dir)
	if err != nil {
		free = -1
	}
	s.free.free.Store(free)
	if bytes, err := dirBytes(s.o.Dir); err == nil {
		s.free.bytes.Store(bytes)
	}
}

// lowSpace says that there is too little left on the disk to store anything; it is empty when there is enough. It stops
// before the disk is full: the ledger of changes may be on the same one, and a log that breaks off has to be repaired.
func (s *Store) lowSpace() string {
	if s.o.MinFree == 0 {
		return ""
	}
	if s.free.due() {
		if free, err := freeBytes(s.o.Dir); err == nil {
			s.free.free.Store(free)
		}
	}
	if free := s.free.free.Load(); free >= 0 && free < s.o.MinFree {
		return fmt.Sprintf("the disk of %s has %s left, at least %s are needed: samples are dropped until there is more; free some space or keep metrics for less long",
			s.o.Dir, size(free), size(s.o.MinFree))
	}
	return ""
}

// size writes bytes for people.
func size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
}
