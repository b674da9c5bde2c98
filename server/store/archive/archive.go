// Package archive is the file that a backup is: a zip with a manifest and, per table, its rows as lines of JSON. It knows no
// database; what it was made from and what it is restored into may differ.
//
// A file appears under its name whole or not at all, for its owner alone. Whoever reads it is told when a byte is not what
// was written.
package archive

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/weirmesh/weir/server/mesh"
)

// Format is the version of the file's own layout.
const Format = 1

// Manifest says what is in a file.
type Manifest struct {
	Format  int       `json:"format"`
	Weir    string    `json:"weir"`    // the version that wrote it
	At      time.Time `json:"at"`      // the moment that the rows are of
	Dialect string    `json:"dialect"` // of the database that they were read from
	Schema  string    `json:"schema"`  // the name of its newest step
	Version int64     `json:"version"` // and that step's version in its dialect
	Tables  []Table   `json:"tables"`
	Ledgers []Ledger  `json:"ledgers"`
}

// Table describes the rows of one table.
type Table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    int      `json:"rows"`
	SHA256  string   `json:"sha256"` // of its lines, in hexadecimal
}

// Ledger is the newest entry of a mesh's ledger.
type Ledger struct {
	Mesh     string `json:"mesh"`
	Revision int64  `json:"revision"`
	Hash     string `json:"hash,omitempty"`
}

// Type is what a column holds.
type Type int

// The types of columns.
const (
	Text  Type = iota // string; null is nil
	Int               // int64
	Bool              // bool
	Bytes             // []byte
	JSON              // []byte, kept as it was written
	Time              // time.Time in UTC, to the microsecond
)

// encode writes one row as a line.
func encode(row []any) ([]byte, error) {
	line := []byte{'['}
	for i, value := range row {
		if i > 0 {
			line = append(line, ',')
		}
		switch v := value.(type) {
		case nil:
			line = append(line, "null"...)
		case int64:
			line = strconv.AppendInt(line, v, 10)
		case bool:
			line = strconv.AppendBool(line, v)
		case time.Time:
			line = append(line, '"')
			line = v.UTC().Truncate(time.Microsecond).AppendFormat(line, time.RFC3339Nano)
			line = append(line, '"')
		case []byte:
			line = append(line, '"')
			line = base64.StdEncoding.AppendEncode(line, v)
			line = append(line, '"')
		case string:
			if !utf8.ValidString(v) {
				return nil, errors.New("a text is not UTF-8")
			}
			text, err := quote(v)
			if err != nil {
				return nil, err
			}
			line = append(line, text...)
		default:
			return nil, errors.New("a value is of a type that no column has")
		}
	}
	return append(line, ']', '\n'), nil
}

// quote keeps < and > as they are, for who reads the file.
func quote(s string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decode reads one row.
func decode(line []byte, types []Type) ([]any, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(line, &raw); err != nil {
		return nil, err
	}
	if len(raw) != len(types) {
		return nil, errors.New("a row has more or fewer values than there are columns")
	}
	row := make([]any, len(types))
	for i, value := range raw {
		if string(value) == "null" {
			continue
		}
		var err error
		if row[i], err = parse(value, types[i]); err != nil {
			return nil, err
		}
	}
	return row, nil
}

func parse(value json.RawMessage, of Type) (any, error) {
	switch of {
	case Int:
		return strconv.ParseInt(string(value), 10, 64)
	case Bool:
		return strconv.ParseBool(string(value))
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return nil, err
	}
	switch of {
	case Bytes:
		return base64.StdEncoding.DecodeString(text)
	case JSON:
		return []byte(text), nil
	case Time:
		at, err := time.Parse(time.RFC3339Nano, text)
		if at = at.UTC(); err == nil && (at.Year() < 0 || at.Year() > 9999) {
			err = errors.New("a moment is in a year that RFC 3339 cannot write")
		}
		return at, err
	default:
		return text, nil
	}
}

// sayFile explains what an operation on a file met.
func sayFile(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return mesh.Errorf(mesh.NotFound, "%s: there is no such file or folder", path)
	case errors.Is(err, fs.ErrExist):
		return mesh.Errorf(mesh.Conflict, "%s exists already and was left as it is: name another file, or move it away", path)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return mesh.Errorf(mesh.Unavailable, "%s: folder %s cannot be written or read by this user", path, filepath.Dir(path))
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return mesh.Errorf(mesh.Unavailable, "%s: the disk is full: nothing was left there; make room, or name a file on another disk", path)
	case errors.Is(err, os.ErrClosed):
		return mesh.Errorf(mesh.Internal, "%s: used after it was closed", path)
	}
	return mesh.Errorf(mesh.Unavailable, "%s: %w", path, err)
}
