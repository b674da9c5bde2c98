package history

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmesh/weir/server/mesh"
)

const (
	// late is how much later than the newest sample one may arrive and still be kept: proxies that push and a
	// collector that retries are that late; what comes later is refused, because every late sample costs a second log
	// and a merge of blocks.
	late = 5 * time.Minute
	// ahead is how far in the future a sample may be: clocks of machines differ by less, and one sample of next year
	// would make the store refuse everything until then.
	ahead = time.Minute
	// oldest is how old the first sample of an empty store may be: it decides where the store's time begins.
	oldest = time.Hour
	// blockLength is the length of the shortest block. The library's two hours make the log, its replay and the
	// memory four times as large.
	blockLength = 30 * time.Minute
	// segmentBytes is the size of a segment of the log, of which the newest is read twice at the start.
	segmentBytes = 32 << 20
	// stripes is into how many parts the table of series is divided, and writeBuffer how many bytes of full chunks are
	// gathered before they are written.
	stripes     = 1 << 11
	writeBuffer = 256 << 10
	// patience is for how long the newest sample must be in the future before the store is rewound: a clock that is
	// stepped back and forth within it costs nothing.
	patience = time.Minute

	maxPoints     = 11_000    // of a series in an answer, as Prometheus has it: more than a screen's pixels
	maxExpr       = 64 << 10  // bytes of an expression
	maxSeries     = 50_000    // in the answer of Series, and of names and values
	maxLabels     = 64        // of a series
	maxLabelName  = 256       // bytes
	maxLabelValue = 1024      // bytes
	maxSetAside   = 512 << 20 // bytes of damaged parts that are kept for whoever wants to look at them
)

// Options say where and how much is stored, and how much a question may cost. Zero fields take the defaults.
type Options struct {
	Dir         string        // of the store alone; made if need be
	Retention   time.Duration // default 15 days
	MaxBytes    int64         // on disk, of blocks and log together; default 2 GiB, negative: no bound
	MinFree     int64         // bytes of disk below which nothing is stored, because the ledger needs them; default 64 MiB, negative: none
	SeriesLimit int           // at once in memory; default 150,000
	LabelValues int           // new ones of one label, once a metric has as many series, until memory is next cleaned up; default 10,000
	Step        time.Duration // between two samples of a series, for estimates and for Status; default 5 s

	// Lookback is for how long a sample counts as a series' present value when nothing newer came; default 4 × Step,
	// at least 1 minute. It must be more than twice the slowest interval of collection. Prometheus' five minutes draw
	// a line through an outage of four; series that end are marked as ended and need no lookback to do so.
	Lookback time.Duration

	MaxSamples  int           // that one question may hold in memory; default 20 million, 16 bytes each, a histogram counts as about 16
	Timeout     time.Duration // of a question; default 30 s
	Concurrency int           // questions at once, and four times as many wait; default 4

	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // of the store's own metrics; nil: none
	Now        func() time.Time      // nil: time.Now
}

// complete fills in the defaults and refuses what makes no sense.
func (o Options) complete() (Options, error) {
	if o.Dir == "" {
		return o, mesh.Errorf(mesh.Invalid, "the metrics store has no directory: name one")
	}
	if o.Retention < 0 || o.Retention > 0 && o.Retention < blockLength {
		return o, mesh.Errorf(mesh.Invalid, "metrics are to be kept for %s: keep them for %s at least", o.Retention, blockLength)
	}
	if o.SeriesLimit < 0 || o.LabelValues < 0 || o.MaxSamples < 0 || o.Concurrency < 0 || o.Timeout < 0 || o.Step < 0 || o.Lookback < 0 {
		return o, mesh.Errorf(mesh.Invalid, "a limit of the metrics store is negative: leave it out for the default")
	}
	o.Retention = cmp.Or(o.Retention, 15*24*time.Hour)
	o.MaxBytes = max(cmp.Or(o.MaxBytes, 2<<30), 0)
	o.MinFree = max(cmp.Or(o.MinFree, 64<<20), 0)
	o.SeriesLimit = cmp.Or(o.SeriesLimit, 150_000)
	o.LabelValues = cmp.Or(o.LabelValues, 10_000)
	o.Step = cmp.Or(o.Step, 5*time.Second)
	o.Lookback = cmp.Or(o.Lookback, max(4*o.Step, time.Minute))
	o.MaxSamples = cmp.Or(o.MaxSamples, 20_000_000)
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	o.Concurrency = cmp.Or(o.Concurrency, 4)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}
