package canary

import (
	"strings"
	"time"
)

// An ID is built as those of changes are: ten characters of base 32 without letters that look like digits, 41 bits of
// milliseconds since 2020 and 9 random ones, so that IDs sort by time and can be read aloud.
const (
	idDigits = "0123456789abcdefghjkmnpqrstvwxyz"
	idLength = 10
	idRandom = 9
	idEpoch  = 1_577_836_800_000 // 2020-01-01T00:00:00Z in milliseconds
)

func newID(now time.Time, random uint64) string {
	n := uint64(max(now.UnixMilli()-idEpoch, 0))<<idRandom | random&(1<<idRandom-1)
	var id [idLength]byte
	for i := idLength - 1; i >= 0; i-- {
		id[i] = idDigits[n&31]
		n >>= 5
	}
	return string(id[:])
}

// canonicalID accepts an ID as a person typed it: in capitals, with O for 0, with I or L for 1.
func canonicalID(id string) string {
	return strings.NewReplacer("o", "0", "i", "1", "l", "1").Replace(strings.ToLower(strings.TrimSpace(id)))
}
