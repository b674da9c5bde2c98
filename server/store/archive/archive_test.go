package archive

import (
	"archive/zip"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/mesh"
)

func TestRowsComeBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	at := time.Date(2026, 3, 1, 12, 0, 0, 123_456_000, time.UTC)
	rows := [][]any{
		{"a\x00\"<b>\u2028", int64(math.MinInt64), true, []byte{0, 255}, `{"a": 1.0}`, at},
		{nil, nil, nil, nil, nil, nil},
		{"", int64(math.MaxInt64), false, []byte{}, "null", at},
	}
	columns := []string{"a", "b", "c", "d", "e", "f"}
	err = w.Table("t", columns, func(write func([]any) error) error {
		for _, row := range rows {
			if err := write(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Seal(Manifest{Weir: "test", At: at}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("it has its name before it is finished")
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got [][]any
	if err := r.Rows(r.Manifest().Tables[0], []Type{Text, Int, Bool, Bytes, JSON, Time}, func(row []any) error {
		got = append(got, row)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if text, ok := row[4].(string); ok {
			row[4] = []byte(text)
		}
	}
	if diff := cmp.Diff(rows, got); diff != "" {
		t.Errorf("rows (-written +read):\n%s", diff)
	}
}

func TestTextThatIsNone(t *testing.T) {
	if err := Line(&strings.Builder{}, []any{"\xff"}); err == nil {
		t.Error("a text that is not UTF-8 was written as another one")
	}
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(filepath.Join(dir, "b"))
	if err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	w.zip = zip.NewWriter(full)
	err = w.Table("t", []string{"a"}, func(write func([]any) error) error {
		for i := range 1_000_000 {
			if err := write([]any{fmt.Sprint(i * 7919 % 1_000_003)}); err != nil {
				return err
			}
		}
		return nil
	})
	if mesh.CodeOf(err) != mesh.Unavailable || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("a full disk: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestNotABackup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	for name, content := range map[string]string{"empty": "", "text": "hello", "database": "SQLite format 3\x00"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(path + "-not"); mesh.CodeOf(err) != mesh.NotFound {
		t.Errorf("no file: %v", err)
	}
}
