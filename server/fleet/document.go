package fleet

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/registry"
)

// state is what a replica tells of its proxies. Times are of its own clock.
type state struct {
	Clock     time.Duration     `json:"clock"` // the database's clock less its own
	Meshes    []meshState       `json:"meshes"`
	Instances []registry.Record `json:"instances"` // that are connected to it, as it saved them
}

type meshState struct {
	Name       string              `json:"name"`
	Applied    int64               `json:"applied"` // newest revision that it was given; zero: none
	Proxies    []provider.Proxy    `json:"proxies"`
	Deliveries []provider.Delivery `json:"deliveries"` // of the newest revisions, ascending
}

// counts is what a replica's proxies counted.
type counts struct {
	Taken  int64 // by the database's clock, in ms
	Meshes []metrics.Told
}

// maxDocument bounds what a document may unpack to, in bytes.
const maxDocument = 256 << 20

// packer makes documents and reads them. Methods may be called at once.
type packer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newPacker() (*packer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxDocument))
	if err != nil {
		return nil, err
	}
	return &packer{enc, dec}, nil
}

func (p *packer) close() {
	p.dec.Close()
	_ = p.enc.Close() // it writes to nothing
}

func (p *packer) state(text []byte) []byte { return p.enc.EncodeAll(text, nil) }

func (p *packer) readState(document []byte) (s state, err error) {
	text, err := p.dec.DecodeAll(document, nil)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(text, &s)
}

// counts packs the meshes one after the other, each part with its length before it.
func (p *packer) counts(c counts) []byte {
	out := binary.AppendUvarint(nil, uint64(c.Taken))
	for _, m := range c.Meshes {
		for _, part := range [][]byte{[]byte(m.Mesh), m.Report} {
			out = append(binary.AppendUvarint(out, uint64(len(part))), part...)
		}
	}
	return p.enc.EncodeAll(out, nil)
}

func (p *packer) readCounts(document []byte) (c counts, err error) {
	data, err := p.dec.DecodeAll(document, nil)
	if err != nil {
		return c, err
	}
	taken, n := binary.Uvarint(data)
	if n <= 0 || taken > math.MaxInt64 {
		return c, errors.New("it does not say when it was counted")
	}
	c.Taken, data = int64(taken), data[n:]
	var parts [][]byte
	for len(data) > 0 {
		size, n := binary.Uvarint(data)
		if n <= 0 || size > uint64(len(data)-n) {
			return c, errors.New("it ends too early")
		}
		data = data[n:]
		parts, data = append(parts, data[:size]), data[size:]
	}
	for pair := range slices.Chunk(parts, 2) {
		if len(pair) == 2 {
			c.Meshes = append(c.Meshes, metrics.Told{Mesh: string(pair[0]), Report: pair[1]})
		}
	}
	return c, nil
}

// shift moves every time in a state on.
func (s *state) shift(by time.Duration) {
	move := func(t *time.Time) {
		if !t.IsZero() {
			*t = t.Add(by)
		}
	}
	for i := range s.Meshes {
		m := &s.Meshes[i]
		for j := range m.Proxies {
			p := &m.Proxies[j]
			move(&p.Since)
			move(&p.AckedAt)
			move(&p.MetricsAt)
			for k := range p.Resources {
				r := &p.Resources[k]
				move(&r.AckedAt)
				move(&r.SentAt)
				move(&r.RejectedAt)
			}
		}
		for j := range m.Deliveries {
			move(&m.Deliveries[j].At)
		}
	}
}

// clock knows how far the database's clock is from this process'.
type clock struct {
	ahead time.Duration // the database's clock less ours
	known bool
}

// sync takes what the database's clock showed between two moments of ours. What is known stays as long as it agrees with that:
// times that move to and fro would be news to everybody.
func (c *clock) sync(before, after, shown time.Time) {
	low, high := shown.Sub(after), shown.Sub(before)
	if !c.known || c.ahead < low || c.ahead > high {
		c.ahead, c.known = (low+high)/2, true
	}
}
