package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
)

// asideDir is the folder, within the store's, of parts that could not be read.
const asideDir = "set-aside"

// setAsideBroken moves blocks out of the way that the library could not open: one of them would stop its start.
func (s *Store) setAsideBroken() error {
	entries, err := os.ReadDir(s.o.Dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.IsDir() || !isBlock(entry.Name()) {
			continue
		}
		if err := opens(filepath.Join(s.o.Dir, entry.Name())); err != nil {
			s.o.Logger.Error("a block of metrics cannot be opened and is set aside", "block", entry.Name(), "error", err)
			if err := s.setAside("block", entry.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// isBlock tells whether a folder of this name is a block for the library: a ULID.
func isBlock(name string) bool {
	return len(name) == 26 && strings.Trim(name, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == ""
}

// opens tells whether the block in dir can be opened.
func opens(dir string) error {
	return contained("opening a block", func() error {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		block, err := tsdb.OpenBlock(slog.New(slog.DiscardHandler), dir, nil, nil)
		if err != nil {
			return err
		}
		return block.Close()
	})
}

// setAside moves what there is of names into a folder of its own, which is named for the moment and for what it was.
func (s *Store) setAside(what string, names ...string) error {
	to := filepath.Join(s.o.Dir, asideDir, s.o.Now().UTC().Format("20060102T150405.000")+"-"+what)
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Rename(filepath.Join(s.o.Dir, name), filepath.Join(to, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// reviewAside says what was set aside, and lets go of the oldest when it takes too much of the disk.
func (s *Store) reviewAside() {
	dir := filepath.Join(s.o.Dir, asideDir)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		s.verdict.clear(aside)
		return
	}
	sizes := make([]int64, len(entries))
	var sum int64
	for i, entry := range entries {
		sizes[i], _ = dirBytes(filepath.Join(dir, entry.Name()))
		sum += sizes[i]
	}
	for len(entries) > 1 && sum > maxSetAside {
		if err := os.RemoveAll(filepath.Join(dir, entries[0].Name())); err != nil {
			break
		}
		s.o.Logger.Warn("what was set aside first is deleted, it took too much room", "part", entries[0].Name(), "bytes", sizes[0])
		sum, entries, sizes = sum-sizes[0], entries[1:], sizes[1:]
	}
	s.verdict.set(aside, fmt.Sprintf("%d damaged part(s) of the history, %s, were set aside, the newest is %s: their samples are missing; delete %s when nobody needs it",
		len(entries), size(sum), entries[len(entries)-1].Name(), dir))
}

// examine reads all blocks that overlap the time from mint to maxt, in ms, sets aside those that are damaged and says
// which. The library finds damage only where it happens to read.
func (s *Store) examine(ctx context.Context, mint, maxt int64) (damaged []string) {
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	inst := s.current.Load()
	if inst == nil {
		return nil
	}
	for _, block := range inst.db.Blocks() {
		if meta := block.Meta(); meta.MinTime > maxt || meta.MaxTime < mint || ctx.Err() != nil {
			continue
		}
		if words := s.check(ctx, inst, block); words != "" {
			damaged = append(damaged, words)
		}
	}
	return damaged
}

// check reads one block and sets it aside when it is damaged; it says so in words then. The caller holds upkeep.
func (s *Store) check(ctx context.Context, inst *instance, block *tsdb.Block) string {
	err := verify(ctx, block.Dir())
	if err == nil || ctx.Err() != nil {
		return ""
	}
	meta := block.Meta()
	s.o.Logger.Error("a block of metrics is damaged and is set aside", "block", meta.ULID.String(), "error", err)
	words := fmt.Sprintf("block %s is damaged and was set aside: samples from %s to %s are missing",
		meta.ULID, utc(meta.MinTime), utc(meta.MaxTime))
	if err := s.setAside("block", meta.ULID.String()); err != nil {
		s.o.Logger.Error("a damaged block of metrics cannot be set aside", "block", meta.ULID.String(), "error", err)
		return ""
	}
	// Compacting the late samples, of which there are few or none, is the one thing that makes the library look at the
	// directory again. It forgets the block then and leaves closing it to us.
	if err := s.contain(inst, "reading the list of blocks again", func() error { return inst.db.CompactOOOHead(ctx) }); err != nil {
		s.o.Logger.Error("the blocks of metrics could not be listed again", "error", err)
		return words
	}
	if err := block.Close(); err != nil {
		s.o.Logger.Warn("a damaged block of metrics did not close", "error", err)
	}
	s.reviewAside()
	return words
}

// verify reads everything in the block in dir, so that every checksum in it is compared.
func verify(ctx context.Context, dir string) error {
	return contained("reading a block", func() (err error) {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		block, err := tsdb.OpenBlock(slog.New(slog.DiscardHandler), dir, nil, nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, block.Close()) }()
		ir, err := block.Index()
		if err != nil {
			return err
		}
		cr, err := block.Chunks()
		if err != nil {
			return errors.Join(err, ir.Close())
		}
		return errors.Join(verifySeries(ctx, ir, cr), verifyPostings(ctx, ir), ir.Close(), cr.Close())
	})
}

func verifySeries(ctx context.Context, ir tsdb.IndexReader, cr tsdb.ChunkReader) error {
	name, value := index.AllPostingsKey()
	all, err := ir.Postings(ctx, name, value)
	if err != nil {
		return err
	}
	var builder labels.ScratchBuilder
	var metas []chunks.Meta
	for all.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := ir.Series(all.At(), &builder, &metas); err != nil {
			return fmt.Errorf("series %d: %w", all.At(), err)
		}
		for _, meta := range metas {
			if _, _, err := cr.ChunkOrIterable(meta); err != nil {
				return fmt.Errorf("chunk %d: %w", meta.Ref, err)
			}
		}
	}
	return all.Err()
}

func verifyPostings(ctx context.Context, ir tsdb.IndexReader) error {
	names, err := ir.LabelNames(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		values, err := ir.LabelValues(ctx, name, nil)
		if err != nil {
			return fmt.Errorf("values of %s: %w", name, err)
		}
		for _, value := range values {
			if _, err := ir.Postings(ctx, name, value); err != nil {
				return fmt.Errorf("series of %s=%q: %w", name, value, err)
			}
		}
	}
	return nil
}

// spanOf is the time of all blocks together, for whoever wants to know what there is.
func spanOf(blocks []*tsdb.Block) (mint, maxt int64, ok bool) {
	if len(blocks) == 0 {
		return 0, 0, false
	}
	mint, maxt = blocks[0].MinTime(), blocks[0].MaxTime()
	for _, b := range blocks[1:] {
		mint, maxt = min(mint, b.MinTime()), max(maxt, b.MaxTime())
	}
	return mint, maxt - 1, true // the end of a block is not in it
}

func utc(ms int64) string {
	return strings.Replace(time.UnixMilli(ms).UTC().Format(time.DateTime), " ", "T", 1) + "Z"
}
