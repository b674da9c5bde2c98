package web

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// mostRows is how many rows a list of a form may have; more than the rules of any object allow.
const mostRows = 40

// Rows of a form's lists are fields named LIST.ROW.FIELD, rows counted from zero without a gap.

// rowOf takes a field's name apart.
func rowOf(name string) (list string, row int, field string, ok bool) {
	parts := strings.SplitN(name, ".", 3)
	if len(parts) != 3 {
		return "", 0, "", false
	}
	row, err := strconv.Atoi(parts[1])
	return parts[0], row, parts[2], err == nil && row >= 0 && row < mostRows
}

// rows gives a list's rows, each by its fields.
func rows(values url.Values, list string) []url.Values {
	byRow := make(map[int]url.Values)
	for name, value := range values {
		if of, row, field, ok := rowOf(name); ok && of == list {
			if byRow[row] == nil {
				byRow[row] = make(url.Values)
			}
			byRow[row][field] = value
		}
	}
	all := make([]url.Values, 0, len(byRow))
	for _, row := range slices.Sorted(maps.Keys(byRow)) {
		all = append(all, byRow[row])
	}
	return all
}

// setRows replaces a list's rows.
func setRows(values url.Values, list string, all []url.Values) {
	for name := range values {
		if of, _, _, ok := rowOf(name); ok && of == list {
			values.Del(name)
		}
	}
	for i, row := range all {
		for field, value := range row {
			values[list+"."+strconv.Itoa(i)+"."+field] = value
		}
	}
}

// compacted drops rows that say nothing, so that those left are counted like the object's.
func compacted(values url.Values) url.Values {
	lists := make(map[string]bool)
	for name := range values {
		if list, _, _, ok := rowOf(name); ok {
			lists[list] = true
		}
	}
	for list := range lists {
		setRows(values, list, slices.DeleteFunc(rows(values, list), func(row url.Values) bool {
			return strings.TrimSpace(row.Get("name")+row.Get("value")+row.Get("node")+row.Get("route")) == ""
		}))
	}
	return values
}

// rearrange does what a button of a list says: "add:LIST", "remove:LIST:ROW", "up:LIST:ROW", "down:LIST:ROW".
func rearrange(values url.Values, pressed string) bool {
	parts := strings.Split(pressed, ":")
	verb := parts[0]
	if verb == "add" && len(parts) == 2 {
		all := rows(values, parts[1])
		if len(all) < mostRows {
			values.Set(parts[1]+"."+strconv.Itoa(len(all))+".name", "")
		}
		return true
	}
	if len(parts) != 3 {
		return false
	}
	all := rows(values, parts[1])
	row, err := strconv.Atoi(parts[2])
	if err != nil || row < 0 || row >= len(all) {
		return false
	}
	switch verb {
	case "remove":
		all = slices.Delete(all, row, row+1)
	case "up", "down":
		to := row - 1
		if verb == "down" {
			to = row + 1
		}
		if to < 0 || to >= len(all) {
			return true
		}
		all[row], all[to] = all[to], all[row]
	default:
		return false
	}
	setRows(values, parts[1], all)
	return true
}

func asRefusal(err error) (*mesh.Error, bool) {
	if err == nil {
		return nil, false
	}
	return errors.AsType[*mesh.Error](err)
}
