package change

import (
	"strings"
	"time"
)

// An ID is ten characters of base 32, 50 bits: 41 bits of milliseconds since idEpoch (until 2089), so that IDs sort by
// time as text and as numbers, and 9 random bits, so that two replicas seldom make the same one (the database refuses a
// second). Ten characters can be read aloud and typed; letters that look like digits are left out, after Crockford.
const (
	idDigits = "0123456789abcdefghjkmnpqrstvwxyz"
	idLength = 10
	idRandom = 9                 // bits
	idEpoch  = 1_577_836_800_000 // 2020-01-01T00:00:00Z in milliseconds
)

// newID makes the ID of a change at now. It is greater than last even when the clock stood still or went back; random
// decides the lowest bits otherwise.
func newID(now time.Time, last string, random uint64) string {
	n := uint64(max(now.UnixMilli()-idEpoch, 0))<<idRandom | random&(1<<idRandom-1)
	if before, ok := parseID(last); ok && n <= before {
		n = before + 1
	}
	var id [idLength]byte
	for i := idLength - 1; i >= 0; i-- {
		id[i] = idDigits[n&31]
		n >>= 5
	}
	return string(id[:])
}

// parseID reads an ID's number.
func parseID(id string) (n uint64, ok bool) {
	if len(id) != idLength {
		return 0, false
	}
	for i := range len(id) {
		digit := strings.IndexByte(idDigits, id[i])
		if digit < 0 {
			return 0, false
		}
		n = n<<5 | uint64(digit)
	}
	return n, true
}

// canonicalID accepts an ID as a person typed it: in capitals, with O for 0, with I or L for 1.
func canonicalID(id string) string {
	return strings.NewReplacer("o", "0", "i", "1", "l", "1").Replace(strings.ToLower(strings.TrimSpace(id)))
}
