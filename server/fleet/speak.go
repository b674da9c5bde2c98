package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"
)

// forward tells this process' watchers, and the others soon, when something changed with the proxies here.
func (f *Fleet) forward(ctx context.Context) {
	proxies, stop := f.Local.Watch()
	defer stop()
	instances, end := f.Registry.Watch()
	defer end()
	for {
		select {
		case <-ctx.Done():
			return
		case <-proxies:
			f.mu.Lock()
			f.notify()
			f.mu.Unlock()
		case <-instances:
		}
		f.wake()
	}
}

// speak tells the others that this replica lives, and its state when that changed.
func (f *Fleet) speak(ctx context.Context, p *packer) {
	var failing trouble
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-f.tell:
			if !sleep(ctx, settle) {
				return
			}
		}
		failing.note(ctx, f.Logger, "tell how far proxies are", f.beat(ctx, p))
		if !sleep(ctx, apart) {
			return
		}
		timer.Reset(beatEach - apart)
	}
}

// beat writes the row.
func (f *Fleet) beat(ctx context.Context, p *packer) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	text, err := json.Marshal(f.state())
	if err != nil {
		return err
	}
	f.mu.Lock()
	news := f.told.text == nil || f.told.again || !bytes.Equal(text, f.told.text)
	seq := f.told.state + 1
	f.mu.Unlock()
	row := Row{ID: f.id, Name: f.Replica, Version: f.Version, Started: f.started, StateSeq: seq}
	if news {
		row.State = p.state(text)
	}
	before := f.Now()
	shown, err := f.Table.SaveReplica(ctx, row)
	after := f.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if news {
		f.told.state = seq // also after an error: nobody knows whether it was written
	}
	if err != nil {
		f.told.again = true
		return err
	}
	if news {
		f.told.text, f.told.again = text, false
	}
	f.clock.sync(before, after, shown)
	return nil
}

// state gathers what the others are told.
func (f *Fleet) state() state {
	f.mu.Lock()
	s := state{Clock: f.clock.ahead}
	f.mu.Unlock()
	s.Instances = f.Registry.Own()
	names := f.Meshes()
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		here := f.here(name)
		s.Meshes = append(s.Meshes, meshState{Name: name, Applied: here.applied, Proxies: here.proxies, Deliveries: f.deliveries(name)})
	}
	return s
}

// count tells the others what the proxies here counted.
func (f *Fleet) count(ctx context.Context, p *packer) {
	var failing trouble
	for sleep(ctx, countEach) {
		failing.note(ctx, f.Logger, "tell what proxies count", f.saveCounts(ctx, p))
	}
}

func (f *Fleet) saveCounts(ctx context.Context, p *packer) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	f.mu.Lock()
	clock, wrote := f.clock, f.told.text != nil
	f.told.counts++
	seq := f.told.counts
	f.mu.Unlock()
	if !wrote || !clock.known {
		return nil // there is no row yet
	}
	now := f.Now()
	c := counts{Taken: now.Add(clock.ahead).UnixMilli(), Meshes: f.Live.Own(now)}
	return f.Table.SaveCounts(ctx, f.id, seq, p.counts(c))
}

// sleep waits; false: ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
