package archive

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// FuzzDecode: a line that reads is written as a line that reads as the same row.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`["a",1,true,"AP8=","{\"a\": 1.0}","2026-03-01T12:00:00.123456Z"]`, `[null,null,null,null,null,null]`, `["\ud800",-9223372036854775808,false,"","null","0000-01-01T00:00:00Z"]`,
		`["",1e3,true,"","",""]`, `[]`, `{}`, ``, `["a",9223372036854775808,true,"","","2026-03-01T12:00:00+23:59"]`, `["a",1,T,"","",""]`, `["",0,true,"","","9999-12-31T23:59:59-01:00"]`,
	} {
		f.Add([]byte(s))
	}
	types := []Type{Text, Int, Bool, Bytes, JSON, Time}
	f.Fuzz(func(t *testing.T, line []byte) {
		row, err := decode(line, types)
		if err != nil {
			return
		}
		if kept, ok := row[4].([]byte); ok {
			row[4] = string(kept) // written as it was
		}
		if at, ok := row[5].(time.Time); ok {
			row[5] = at.UTC().Truncate(time.Microsecond)
		}
		again, err := encode(row)
		if err != nil {
			t.Fatalf("%q reads as %v, which cannot be written: %v", line, row, err)
		}
		back, err := decode(again, types)
		if err != nil {
			t.Fatalf("%q is written as %q: %v", line, again, err)
		}
		if kept, ok := back[4].([]byte); ok {
			back[4] = string(kept)
		}
		if at, ok := back[5].(time.Time); ok {
			back[5] = at.UTC()
		}
		if !reflect.DeepEqual(row, back) {
			t.Errorf("%q is %v, and then %v", line, row, back)
		}
	})
}

// FuzzOpen: a file is a backup, or it is refused in words; its rows are what was written, or are refused.
func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "b")
	w, err := Create(path)
	if err != nil {
		f.Fatal(err)
	}
	defer w.Close()
	if err := w.Table("t", []string{"a"}, func(write func([]any) error) error { return write([]any{"x"}) }); err != nil {
		f.Fatal(err)
	}
	if err := w.Seal(Manifest{Weir: "test"}); err != nil {
		f.Fatal(err)
	}
	if err := w.Finish(); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte("PK\x05\x06" + string(make([]byte, 18)))) // a zip with nothing in it
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(file)
		if err != nil {
			if mesh.CodeOf(err) != mesh.Invalid {
				t.Errorf("refused with %v (%s)", err, mesh.CodeOf(err))
			}
			return
		}
		defer r.Close()
		for _, table := range r.Manifest().Tables {
			rows := 0
			err := r.Rows(table, make([]Type, len(table.Columns)), func([]any) error { rows++; return nil })
			if err != nil && mesh.CodeOf(err) != mesh.Invalid || err == nil && rows != table.Rows {
				t.Errorf("table %q: %d rows, %v", table.Name, rows, err)
			}
		}
	})
}
