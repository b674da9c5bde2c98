// Package ident makes the IDs of what is recorded: entries of the ledger and rollouts. They sort by time and can be read
// aloud.
package ident

import (
	"strings"
	"time"
)

// An ID is ten characters of base 32, 50 bits: 41 bits of milliseconds since epoch (until 2089), so that IDs sort by
// time as text and as numbers, and 9 random bits, so that two replicas seldom make the same one (the database refuses a
// second). Ten characters can be read aloud and typed; letters that look like digits are left out, after Crockford.
const (
	digits     = "0123456789abcdefghjkmnpqrstvwxyz"
	length     = 10
	randomBits = 9
	epoch      = 1_577_836_800_000 // 2020-01-01T00:00:00Z in milliseconds
)

// New makes the ID of something that is recorded at now. It is greater than last, unless that is empty, even when
// the clock stood still or went back; random decides the lowest bits otherwise.
func New(now time.Time, last string, random uint64) string {
	n := uint64(max(now.UnixMilli()-epoch, 0))<<randomBits | random&(1<<randomBits-1)
	if before, ok := parse(last); ok && n <= before {
		n = before + 1
	}
	var id [length]byte
	for i := length - 1; i >= 0; i-- {
		id[i] = digits[n&31]
		n >>= 5
	}
	return string(id[:])
}

// parse reads an ID's number.
func parse(id string) (n uint64, ok bool) {
	if len(id) != length {
		return 0, false
	}
	for i := range len(id) {
		digit := strings.IndexByte(digits, id[i])
		if digit < 0 {
			return 0, false
		}
		n = n<<5 | uint64(digit)
	}
	return n, true
}

// Canonical accepts an ID as a person typed it: in capitals, with O for 0, with I or L for 1.
func Canonical(id string) string {
	return strings.NewReplacer("o", "0", "i", "1", "l", "1").Replace(strings.ToLower(strings.TrimSpace(id)))
}
