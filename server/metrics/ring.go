package metrics

import "math/bits"

// The ring keeps, per flow, what its counters had reached at the end of each of the last 32 seconds and of the last 32
// periods of ten seconds. A window is then the difference of two rows whatever its length, and an edge costs a few
// kilobytes.
//
// A row is one run of memory, beside the same row of other flows: reading an edge is mostly waiting for memory.
// Counts wrap around at 2³² and times at 2³² ms; differences within a window do not care.
const (
	fineRows   = 32
	coarseRows = 32
	coarseStep = 10 // seconds
	maxFine    = 30 // seconds: longest window cut to the second

	nowRow = fineRows + coarseRows
)

// The words of a row before its columns.
const (
	wordAt    = iota // of the newest report in the row, in ms
	wordBytes        // low half
	_
	words
)

type ring struct {
	width int // words of a row
	rows  []uint32
	store *rows    // that rows is from
	at    int64    // of the newest report, in ms
	head  int64    // the second that the running row belongs to
	first int64    // the head at the beginning
	since int64    // when the counting began, in ms
	wraps []uint32 // how often the running row's columns went past 2³²; nil: none did
}

// begin sets the ring up for counting since that time.
func (r *ring) begin(store *rows, width int, since int64) {
	r.width, r.store = width, store
	r.rows = store.take(width)
	r.at, r.since = since, since
	r.head = since / 1000
	r.first = r.head
	r.now()[wordAt] = uint32(since)
}

// widen adds columns that were zero until now.
func (r *ring) widen(width int) {
	if roomFor(width) > roomFor(r.width) {
		memory := r.store.take(width)
		for i := range nowRow + 1 {
			copy(memory[i*blockWords:], r.row(i))
		}
		r.store.release(r.rows, r.width)
		r.rows = memory
	}
	r.width = width
	if r.wraps != nil {
		r.wraps = append(r.wraps, make([]uint32, width-len(r.wraps))...)
	}
}

// end gives the memory back; the ring is of no use afterwards.
func (r *ring) end() {
	r.store.release(r.rows, r.width)
	r.rows = nil
}

func (r *ring) row(i int) []uint32 { return r.rows[i*blockWords : i*blockWords+r.width] }

// now is the running row.
func (r *ring) now() []uint32 { return r.row(nowRow) }

// advance moves on to a report that arrived at that time; an earlier time is taken for the newest so far.
func (r *ring) advance(at int64) {
	if at <= r.at {
		return
	}
	if sec := at / 1000; sec > r.head {
		for s := max(r.head, sec-fineRows); s < sec; s++ {
			copy(r.row(int(s%fineRows)), r.now())
		}
		period := sec / coarseStep
		for k := max(r.head/coarseStep, period-coarseRows); k < period; k++ {
			copy(r.row(fineRows+int(k%coarseRows)), r.now())
		}
		r.head = sec
	}
	r.at = at
	r.now()[wordAt] = uint32(at)
}

// add counts in a column of the running row.
func (r *ring) add(col int, n uint32) {
	i := nowRow*blockWords + col
	sum, carry := bits.Add32(r.rows[i], n, 0)
	r.rows[i] = sum
	if carry != 0 {
		if r.wraps == nil {
			r.wraps = make([]uint32, r.width)
		}
		r.wraps[col]++
	}
}

// total is all that a column ever counted.
func (r *ring) total(col int) float64 {
	n := uint64(r.rows[nowRow*blockWords+col])
	if r.wraps != nil {
		n += uint64(r.wraps[col]) << 32
	}
	return float64(n)
}

// addBytes counts bytes, which need two words.
func (r *ring) addBytes(n uint64) {
	row := r.now()
	n += bytesOf(row)
	row[wordBytes], row[wordBytes+1] = uint32(n), uint32(n>>32)
}

func bytesOf(row []uint32) uint64 { return uint64(row[wordBytes]) | uint64(row[wordBytes+1])<<32 }

// start finds the row at the beginning of the window of that many seconds that ends now; nil when counting began later.
func (r *ring) start(now, seconds int64) []uint32 {
	boundary := (now+500)/1000 - seconds // the window begins at the end of the second before this one
	if seconds <= maxFine {
		s := boundary - 1
		switch {
		case s >= r.head:
			return r.now()
		case s < r.first:
			return nil
		case s >= r.head-fineRows:
			return r.row(int(s % fineRows))
		}
	}
	k, newest := (boundary+coarseStep/2)/coarseStep-1, r.head/coarseStep
	switch {
	case k >= newest:
		return r.now()
	case k < r.first/coarseStep:
		return nil
	}
	return r.row(fineRows + int(max(k, newest-coarseRows)%coarseRows))
}

// span is the time since a row of start, in ms.
func (r *ring) span(begin []uint32, end int64) int64 {
	if begin == nil {
		return end - r.since
	}
	return int64(uint32(end) - begin[wordAt])
}
