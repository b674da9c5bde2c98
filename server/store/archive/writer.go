package archive

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Writer makes a file. It must be ended by Finish and Close, or by Close alone, which leaves nothing.
type Writer struct {
	path   string
	file   *os.File // of another name until it is whole
	zip    *zip.Writer
	tables []Table
}

// Create begins a file that does not exist. Error: mesh.Conflict when it does, mesh.NotFound, mesh.Unavailable.
func Create(path string) (*Writer, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, sayFile(path, fs.ErrExist)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".part-*") // for its owner alone
	if err != nil {
		return nil, sayFile(path, err)
	}
	return &Writer{path: path, file: file, zip: zip.NewWriter(file)}, nil
}

// Table writes a table: rows calls what it is given once for each row, whose values are of the columns' types.
func (w *Writer) Table(name string, columns []string, rows func(write func(row []any) error) error) error {
	out, err := w.zip.Create(entryOf(name))
	if err != nil {
		return sayFile(w.path, err)
	}
	t, sum := Table{Name: name, Columns: columns}, sha256.New()
	both := io.MultiWriter(out, sum)
	err = rows(func(row []any) error {
		line, err := encode(row)
		if err != nil {
			return sayFile(w.path, err)
		}
		t.Rows++
		if _, err := both.Write(line); err != nil {
			return sayFile(w.path, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.SHA256 = hex.EncodeToString(sum.Sum(nil))
	w.tables = append(w.tables, t)
	return nil
}

func entryOf(table string) string { return "tables/" + table + ".jsonl" }

const manifestEntry = "manifest.json"

// Written is where the file is until Finish: check may look at it.
func (w *Writer) Written() string { return w.file.Name() }

// Seal writes the manifest, whose tables are those that were written. Nothing may be written after it.
func (w *Writer) Seal(m Manifest) error {
	m.Format, m.Tables = Format, w.tables
	out, err := w.zip.Create(manifestEntry)
	if err == nil {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		err = e.Encode(m)
	}
	if err = errors.Join(err, w.zip.Close()); err == nil {
		err = w.file.Sync()
	}
	if err != nil {
		return sayFile(w.path, err)
	}
	return nil
}

// Finish gives the sealed file its name, where nothing may be by now either.
func (w *Writer) Finish() error {
	err := os.Link(w.file.Name(), w.path)
	if err != nil && !errors.Is(err, fs.ErrExist) { // a file system without links
		if _, there := os.Lstat(w.path); there == nil {
			err = fs.ErrExist
		} else {
			err = os.Rename(w.file.Name(), w.path)
		}
	}
	if err == nil {
		err = SyncDir(filepath.Dir(w.path))
	}
	if err != nil {
		return sayFile(w.path, err)
	}
	return nil
}

// Close removes what Finish did not name.
func (w *Writer) Close() error {
	err := w.file.Close()
	if errors.Is(err, fs.ErrClosed) {
		err = nil
	}
	if gone := os.Remove(w.file.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// SyncDir makes the names in a folder survive a power cut.
func SyncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // a folder that the operator named
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) { // of some file systems, which need none
		err = nil
	}
	return errors.Join(err, d.Close())
}

// Line writes one row as it is in a file, of which a table's checksum is made.
func Line(to io.Writer, row []any) error {
	line, err := encode(row)
	if err != nil {
		return err
	}
	_, err = to.Write(line)
	return err
}
