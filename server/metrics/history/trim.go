package history

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/record"
	"github.com/prometheus/prometheus/tsdb/wlog"
)

// markerBound is the one bucket bound of the sample that seals a batch; no metric has it by chance.
const markerBound = 8_737_114.518_22

// marker is the sample that seals a batch: a float histogram with custom buckets, the kind that the library logs last.
func marker() *histogram.FloatHistogram {
	return &histogram.FloatHistogram{Schema: histogram.CustomBucketsSchema, CustomValues: []float64{markerBound}, CounterResetHint: histogram.GaugeType}
}

// trim cuts the log in dir back to the end of the last sealed batch: the library logs a batch in several records and
// would show the first of them after a crash. It gives how many bytes were cut off. A log without a seal stays as it is.
func trim(dir string) (int64, error) {
	first, last, err := wlog.Segments(dir)
	if err != nil || last < 0 {
		if errors.Is(err, os.ErrNotExist) {
			return 0, nil
		}
		return 0, err
	}
	for n := last; n >= first; n-- {
		end, more, err := sealed(wlog.SegmentName(dir, n))
		if err != nil {
			return 0, err
		}
		switch {
		case end > 0 && more:
			return cut(dir, n, last, end)
		case end > 0:
			return cut(dir, n+1, last, 0)
		}
	}
	return 0, nil
}

// cut shortens segment n to end bytes and empties those behind it.
func cut(dir string, n, last int, end int64) (int64, error) {
	var dropped int64
	for ; n <= last; n++ {
		name := wlog.SegmentName(dir, n)
		info, err := os.Stat(name)
		if err != nil {
			return dropped, fmt.Errorf("examine the log: %w", err)
		}
		if info.Size() > end {
			if err := os.Truncate(name, end); err != nil {
				return dropped, fmt.Errorf("shorten the log: %w", err)
			}
			dropped += info.Size() - end
		}
		end = 0
	}
	return dropped, nil
}

// sealed gives where the last sealed batch of a segment ends, in bytes from its beginning, or zero when there is none, and
// whether anything follows it. It reads as far as the segment is in order.
func sealed(name string) (end int64, more bool, err error) {
	segment, err := wlog.OpenReadSegment(name)
	if err != nil {
		return 0, false, fmt.Errorf("read the log: %w", err)
	}
	from := wlog.NewSegmentBufReader(segment)
	defer func() { _ = from.Close() }()
	reader := wlog.NewReader(from)
	decoder := record.NewDecoder(labels.NewSymbolTable(), slog.New(slog.DiscardHandler))
	var samples []record.RefFloatHistogramSample
	for reader.Next() {
		more = true
		if decoder.Type(reader.Record()) != record.CustomBucketsFloatHistogramSamples {
			continue
		}
		if samples, err = decoder.FloatHistogramSamples(reader.Record(), samples[:0]); err != nil {
			return end, more, nil // what follows is not in order
		}
		// The seal is the last sample of its record.
		if n := len(samples); n > 0 && isMarker(samples[n-1].FH) {
			end, more = reader.Offset(), false
		}
	}
	return end, more || reader.Err() != nil, nil
}

func isMarker(h *histogram.FloatHistogram) bool {
	return len(h.CustomValues) == 1 && h.CustomValues[0] == markerBound
}
