package archive

import (
	"archive/zip"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/weirmesh/weir/server/mesh"
)

const (
	maxManifest = 64 << 20 // bytes; a line per mesh is in it
	maxLine     = 64 << 20 // bytes of one row
)

// Reader reads a file.
type Reader struct {
	path     string
	zip      *zip.ReadCloser
	manifest Manifest
}

// Open reads a file's manifest. Error: mesh.NotFound; mesh.Invalid when it is no backup, was cut off, or is of a newer Weir.
func Open(path string) (*Reader, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, sayFile(path, err)
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return nil, sayFile(path, err)
		}
		return nil, mesh.Errorf(mesh.Invalid, "%s is no backup of Weir, or the end of it is missing: %w", path, err)
	}
	r := &Reader{path: path, zip: z}
	if err := r.readManifest(); err != nil {
		return nil, errors.Join(err, z.Close())
	}
	return r, nil
}

func (r *Reader) readManifest() error {
	in, err := r.zip.Open(manifestEntry)
	if err != nil {
		return mesh.Errorf(mesh.Invalid, "%s is no backup of Weir: it has no manifest", r.path)
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxManifest))
	if err != nil {
		return r.damaged("its manifest", err)
	}
	if err := json.Unmarshal(data, &r.manifest); err != nil {
		return r.damaged("its manifest", err)
	}
	if r.manifest.Format > Format {
		return mesh.Errorf(mesh.Invalid, "%s was written by a newer Weir (%s): restore it with that version", r.path, r.manifest.Weir)
	}
	return nil
}

func (r *Reader) damaged(what string, err error) error {
	return mesh.Errorf(mesh.Invalid, "%s is damaged (%s): nothing was restored from it; use another backup: %w", r.path, what, err)
}

// Manifest gives what the file says of itself.
func (r *Reader) Manifest() Manifest { return r.manifest }

// Path is the file's.
func (r *Reader) Path() string { return r.path }

// Rows calls take for every row of a table. Error: mesh.Invalid when it is not what was written, which may be known after
// take had rows only; whatever take answers.
func (r *Reader) Rows(t Table, types []Type, take func(row []any) error) error {
	in, err := r.zip.Open(entryOf(t.Name))
	if err != nil {
		return r.damaged("table "+t.Name, err)
	}
	defer in.Close()
	sum, rows := sha256.New(), 0
	lines := bufio.NewScanner(io.TeeReader(in, sum))
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		row, err := decode(lines.Bytes(), types)
		if err != nil {
			return r.damaged("table "+t.Name, err)
		}
		rows++
		if err := take(row); err != nil {
			return err
		}
	}
	switch {
	case lines.Err() != nil:
		return r.damaged("table "+t.Name, lines.Err())
	case rows != t.Rows:
		return r.damaged("table "+t.Name, errors.New("it has another number of rows than were written"))
	case hex.EncodeToString(sum.Sum(nil)) != t.SHA256:
		return r.damaged("table "+t.Name, errors.New("it is not what was written"))
	}
	return nil
}

// Close lets the file go.
func (r *Reader) Close() error { return r.zip.Close() }
