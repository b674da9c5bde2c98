package store

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/mesh"
)

// refused opens what must be refused with an error of one line that has all the words and no password.
func refused(t *testing.T, at string, code mesh.Code, words ...string) {
	t.Helper()
	s, err := Open(t.Context(), options(at))
	if err == nil {
		_ = s.Close()
		t.Fatal("it was opened")
	}
	if mesh.CodeOf(err) != code {
		t.Errorf("code %q, want %q: %v", mesh.CodeOf(err), code, err)
	}
	if o := options(at); o.Dir != "" {
		words = append(words, at)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\t") {
		t.Errorf("more than one line: %q", err)
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the password is in it: %q", err)
	}
}

// secret is the password of every test that needs one.
const secret = "s3cret"

func TestDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	refused(t, dir, mesh.Conflict, "in use by this process", "--data")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestDirectoryThatIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, file, mesh.Invalid, "not a directory")
}

func TestPathWithOddCharacters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a?b=c&d#e %41 한국")
	s := open(t, dir)
	mustAppend(t, s, 0, record("01", 1))
	if _, err := os.Stat(filepath.Join(dir, databaseFile)); err != nil {
		t.Error(err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*wal")); len(files) != 1 {
		t.Errorf("the log is elsewhere: %v", files)
	}
}

func TestDamagedDatabaseIsRefusedAndLeftAlone(t *testing.T) {
	for name, damage := range map[string]func([]byte){
		"no database": func(b []byte) { copy(b, "this is a text file, is it not?") },
		"torn pages": func(b []byte) {
			for i := 4096; i < len(b); i += 4096 { // every page but the first, whose header stays readable
				copy(b[i:], bytes.Repeat([]byte{0xA5}, 512))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			mustAppend(t, s, 0, record("01", 1))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, databaseFile)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			damage(data)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, dir, mesh.Unavailable, "damaged", "backup")
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, data) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

func TestDataDirectoryIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	s := open(t, dir)
	mustAppend(t, s, 0, record("01", 1))
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 3 {
		t.Fatalf("files: %v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestDiskFull(t *testing.T) {
	s := open(t, t.TempDir())
	mustAppend(t, s, 0, record("01", 1))
	// SQLite answers the page limit with the same code as a full disk.
	if _, err := s.write.ExecContext(t.Context(), "PRAGMA max_page_count = 1"); err != nil {
		t.Fatal(err)
	}
	big := record("02", 2)
	big.Change.Diff = strings.Repeat("x", 1<<20)
	_, err := s.Append(t.Context(), 1, big)
	if mesh.CodeOf(err) != mesh.Unavailable || !strings.Contains(err.Error(), "full") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("got %v, want one line that says the disk is full", err)
	}
	if _, err := s.write.ExecContext(t.Context(), "PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, 1, big) // nothing was half recorded, and the store works again
}
