package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// maxLatency bounds what an application may take, so that a demo always ends soon.
const maxLatency = 10 * time.Second

// Behaviour is how an application answers.
type Behaviour struct {
	Latency   mesh.Duration `json:"latency"`   // the median of its own work, without the calls it makes
	Spread    float64       `json:"spread"`    // of a log-normal distribution: 0 is constant, 0.5 has a p99 of 3.2 medians
	ErrorRate float64       `json:"errorRate"` // the part of the requests answered 500, 0 to 1
}

// Check says whether the behaviour is possible.
func (b Behaviour) Check() error {
	switch {
	case b.Latency < 0 || time.Duration(b.Latency) > maxLatency:
		return mesh.Errorf(mesh.Invalid, "latency %v: is from 0s to %v", b.Latency, maxLatency)
	case !(b.Spread >= 0 && b.Spread <= 2):
		return mesh.Errorf(mesh.Invalid, "spread %v: is from 0 to 2", b.Spread)
	case !(b.ErrorRate >= 0 && b.ErrorRate <= 1):
		return mesh.Errorf(mesh.Invalid, "errorRate %v: is from 0 to 1", b.ErrorRate)
	}
	return nil
}

// Knobs turn an application's behaviour while it runs. They are safe for use from several goroutines.
type Knobs struct {
	mu     sync.Mutex
	now    Behaviour
	random *rand.Rand
}

// newKnobs seeds the knobs of one node, so that the same seed gives it the same sequence of answers.
func newKnobs(node string, seed uint64, b Behaviour) *Knobs {
	h := fnv.New64a()
	_, _ = h.Write([]byte(node)) // a hash never fails
	return &Knobs{now: b, random: rand.New(rand.NewPCG(seed, h.Sum64()))}
}

// Behaviour is how the application answers now.
func (k *Knobs) Behaviour() Behaviour {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}

// Set changes how the application answers from the next request on.
func (k *Knobs) Set(b Behaviour) error {
	if err := b.Check(); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now = b
	return nil
}

// update changes the fields that a JSON object names.
func (k *Knobs) update(data []byte) error {
	b := k.Behaviour()
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return mesh.Errorf(mesh.Invalid, "knobs: %w", err)
	}
	if d.More() {
		return mesh.Errorf(mesh.Invalid, "knobs: %w", errors.New("there is something after the end of the object"))
	}
	return k.Set(b)
}

// draw decides one request: how long it takes and whether it fails.
func (k *Knobs) draw() (time.Duration, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	factor := math.Exp(k.now.Spread * k.random.NormFloat64())
	fails := k.random.Float64() < k.now.ErrorRate
	return min(time.Duration(float64(k.now.Latency)*factor), maxLatency), fails
}
