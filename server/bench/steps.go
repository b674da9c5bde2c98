package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/mesh"
)

// betweenFlips is about as fast as a console sends what a slider does while it is dragged (10 to 20 times a second).
const betweenFlips = 70 * time.Millisecond

// flips moves all of the traffic from one version to the other and back, and notes how long it took from the request
// to Weir until the first call that the other version answered was made, and until the proxies had acknowledged.
func (b *loop) flips(ctx context.Context, p *probe) error {
	p.counts()
	var first1, acked, answered []time.Duration
	for i := range b.o.Flips {
		to, from := first, second
		if i%2 == 0 {
			to, from = second, first
		}
		begin := time.Now()
		seen := p.expect(to, begin)
		answer, err := b.client.Weights(ctx, p.mesh, route, map[string]int{to: 100, from: 0}, client.Ask{})
		if err != nil {
			return fmt.Errorf("flip %d: %w", i, err)
		}
		answered = append(answered, time.Since(begin))
		select {
		case at := <-seen:
			first1 = append(first1, at.Sub(begin))
		case <-time.After(stopAfter):
			return fmt.Errorf("flip %d: no traffic reached %s within %v", i, to, stopAfter)
		case <-ctx.Done():
			return ctx.Err()
		}
		done, err := b.client.Await(ctx, answer.Change.ID, "programmed", stopAfter)
		if err != nil {
			return fmt.Errorf("flip %d: %w", i, err)
		}
		acked = append(acked, done.Programmed.At.Sub(done.Accepted.At))
		if err := pause(ctx, betweenFlips); err != nil {
			return err
		}
	}
	b.add(fmt.Sprintf("weight: request to Weir → its answer, median of %d", b.o.Flips), quantile(sorted(answered), 0.5), 10*time.Millisecond)
	b.add("weight: recorded → acknowledged by every proxy, median", quantile(sorted(acked), 0.5), 10*time.Millisecond)
	b.add("weight: request to Weir → first call of the new split, median", quantile(sorted(first1), 0.5), 10*time.Millisecond)
	b.add("weight: the same, p95", quantile(sorted(first1), 0.95), 100*time.Millisecond)
	failed, calls := p.counts()
	b.addFailures(fmt.Sprintf("failed calls over %d flips", b.o.Flips), failed, calls)
	_, err := b.client.Weights(ctx, p.mesh, route, map[string]int{first: 50, second: 50}, client.Ask{})
	return err
}

// pools resizes the connection pools of both versions under load.
func (b *loop) pools(ctx context.Context, p *probe) error {
	p.counts()
	for i := range b.o.Edits {
		limit := 100 + i
		for _, node := range []string{first, second} {
			answer, err := b.client.Pool(ctx, p.mesh, node, client.Pool{Limits: map[string]*int{"maxConnections": &limit}}, client.Ask{})
			if err != nil {
				return fmt.Errorf("pool of %s: %w", node, err)
			}
			if _, err := b.client.Await(ctx, answer.Change.ID, "programmed", stopAfter); err != nil {
				return fmt.Errorf("pool of %s: %w", node, err)
			}
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	failed, calls := p.counts()
	b.addFailures(fmt.Sprintf("failed calls over %d pool changes", 2*b.o.Edits), failed, calls)
	return nil
}

// versions removes a version from the route and adds it again under load.
func (b *loop) versions(ctx context.Context, p *probe) error {
	p.counts()
	for i := range b.o.Edits {
		for _, targets := range [][]mesh.WeightedTarget{{{Node: first, Weight: 1}}, {{Node: first, Weight: 1}, {Node: second, Weight: 1}}} {
			if err := b.setTargets(ctx, p.mesh, targets); err != nil {
				return fmt.Errorf("version, round %d: %w", i, err)
			}
		}
	}
	failed, calls := p.counts()
	b.addFailures(fmt.Sprintf("failed calls over %d removals and %d additions of a version", b.o.Edits, b.o.Edits), failed, calls)
	return nil
}

func (b *loop) setTargets(ctx context.Context, meshName string, targets []mesh.WeightedTarget) error {
	raw, err := b.client.Object(ctx, meshName, mesh.Ref{Kind: mesh.KindRoute, Name: route})
	if err != nil {
		return err
	}
	object, version, err := decodeRoute(raw)
	if err != nil {
		return err
	}
	object.Targets = targets
	text, err := definition.EncodeObject(meshName, version, object)
	if err != nil {
		return err
	}
	answer, err := b.client.Apply(ctx, meshName, text, client.Ask{})
	if err != nil {
		return err
	}
	_, err = b.client.Await(ctx, answer.Change.ID, "programmed", stopAfter)
	return err
}

func decodeRoute(raw json.RawMessage) (r mesh.Route, version int64, err error) {
	var v struct {
		mesh.Route
		Version int64 `json:"version"`
	}
	err = json.Unmarshal(raw, &v)
	return v.Route, v.Version, err
}

// observed notes how long it takes until the ledger has measured the new split in traffic, which is what the console
// shows.
func (b *loop) observed(ctx context.Context, p *probe) error {
	var took []time.Duration
	for i := range 5 {
		weights := map[string]int{first: 90 - 10*i, second: 10 + 10*i}
		begin := time.Now()
		answer, err := b.client.Weights(ctx, p.mesh, route, weights, client.Ask{})
		if err != nil {
			return err
		}
		for {
			_, c, err := b.client.Change(ctx, answer.Change.ID)
			if err != nil {
				return err
			}
			if c.Observed != nil && c.Observed.Requests > 0 {
				break
			}
			if time.Since(begin) > stopAfter {
				return fmt.Errorf("no traffic was observed within %v", stopAfter)
			}
			if err := pause(ctx, 10*time.Millisecond); err != nil {
				return err
			}
		}
		took = append(took, time.Since(begin))
	}
	b.add("weight: request to Weir → measured split in the console, median", quantile(sorted(took), 0.5), 1500*time.Millisecond)
	return nil
}
