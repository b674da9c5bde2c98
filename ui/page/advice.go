package page

// Advice is what is advised for a connection pool, in words, with the evidence.
type Advice struct {
	Lead     string   // from how much it was worked out
	Nothing  []string // why there is no advice; empty when there is one
	Limits   []AdvisedLimit
	Replays  []ReplayRow
	Callers  []CallerRow
	Sides    string
	Notes    []string
	Fields   []Field // of the form that takes the advice to the review
	Command  string  // the same for a shell
	Settled  bool    // the limits in force are the advised ones
	Prefix   string  // of ids, as no two forms of a page share one
	UseLabel string
}

// AdvisedLimit is one limit: what is in force, what is advised, and why.
type AdvisedLimit struct {
	Name, Now, Advised, Range, Verdict string
	Level                              string // of the verdict: "", "raised" or "high"
	Why                                []string
}

// ReplayRow is what a pool would have refused.
type ReplayRow struct {
	Pool, Rejected, Share, Waiting, Counted string
	Level                                   string
}

// CallerRow is one caller and what it keeps under way.
type CallerRow struct {
	Name, Href, Proxies, Rate, Latency, Mean, Peak string
}
