package metrics

// rows lends rings their memory. The same row of many rings stands side by side: a reading takes the running row and one
// other of every ring, and finds them in two runs of memory instead of in a place of its own for each.
type rows struct {
	block []uint32 // that is being handed out
	used  int      // words of each of its rows
	free  map[int][][]uint32
}

const (
	line = 16 // words of a line of the processor's cache
	// blockWords are the words of each row of a block: of 32 rings with a dozen latency buckets. With a power of two all
	// rows of a ring would compete for one place in the cache.
	blockWords = 32*2*line + line
)

// roomFor is how many words a row of that width is given: whole lines.
func roomFor(width int) int { return (width + line - 1) / line * line }

// take gives memory for a ring, all zeros. Each of its rows begins blockWords after the one before.
func (s *rows) take(width int) []uint32 {
	room := roomFor(width)
	if list := s.free[room]; len(list) > 0 {
		last := len(list) - 1
		memory := list[last]
		s.free[room] = list[:last]
		for i := range nowRow + 1 {
			clear(memory[i*blockWords : i*blockWords+room])
		}
		return memory
	}
	if s.block == nil || s.used+room > blockWords {
		s.block, s.used = make([]uint32, (nowRow+1)*blockWords), 0
	}
	memory := s.block[s.used:]
	s.used += room
	return memory
}

// release takes back what a ring of that width had.
func (s *rows) release(memory []uint32, width int) {
	if s.free == nil {
		s.free = make(map[int][][]uint32)
	}
	room := roomFor(width)
	s.free[room] = append(s.free[room], memory)
}
