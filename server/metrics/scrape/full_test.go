package scrape

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// full is a store that takes nothing while it is on.
type full struct {
	storage.AppendableV2
	on atomic.Bool
}

func (f *full) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return fullAppender{f.AppendableV2.AppenderV2(ctx), f}
}

type fullAppender struct {
	storage.AppenderV2
	full *full
}

func (a fullAppender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, o storage.AppendV2Options) (storage.SeriesRef, error) {
	if a.full.on.Load() {
		return 0, errors.New("no space left on device")
	}
	return a.AppenderV2.Append(ref, ls, st, t, v, h, fh, o)
}
