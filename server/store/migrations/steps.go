package migrations

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"entgo.io/ent/dialect"
)

// Step is one migration. A step has the same name in every dialect that has it, and another version.
type Step struct {
	Version int64  // its time, as 20060102150405
	Name    string // such as "fleet"
	SQL     string // the file
	// Readers is the version of the oldest step whose Weir can work on a database with this one; zero: a step that only adds,
	// which any earlier Weir can work with.
	Readers int64
}

// firstReaders names the step whose Weir is the first that works beside later ones.
const firstReaders = "fleet"

// readers is the line of a step that does more than add: which step's Weir is the oldest that it leaves working.
var readers = regexp.MustCompile(`(?m)^-- readers: ([a-z0-9_]+)$`)

// Files gives the folder of a dialect.
func Files(of string) (fs.FS, error) {
	if of == dialect.Postgres {
		return fs.Sub(Postgres, "postgres")
	}
	return fs.Sub(SQLite, "sqlite")
}

// Steps reads the migrations of a folder, oldest first.
func Steps(files fs.FS) ([]Step, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	steps := make([]Step, 0, len(names))
	known := make(map[string]int64, len(names))
	for _, file := range names { // sorted, and their names begin with their time
		number, name, ok := strings.Cut(strings.TrimSuffix(path.Base(file), ".sql"), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || !ok {
			return nil, fmt.Errorf("migration %s: its name is not of the form TIME_NAME.sql", file)
		}
		text, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, err
		}
		s := Step{Version: version, Name: name, SQL: string(text)}
		known[name] = version
		if said := readers.FindStringSubmatch(s.SQL); said != nil {
			if s.Readers = known[said[1]]; s.Readers == 0 {
				return nil, fmt.Errorf("migration %s: there is no step %q before it", file, said[1])
			}
		} else if name == firstReaders {
			s.Readers = version
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// Floor is the oldest step whose Weir can work on a database that has all these.
func Floor(steps []Step) int64 {
	var floor int64
	for _, s := range steps {
		floor = max(floor, s.Readers)
	}
	return floor
}
