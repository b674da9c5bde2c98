package mesh

import "time"

// Load is what arrived at one virtual node over a span of time, as its own proxies counted it, and who sent it.
type Load struct {
	Step    time.Duration // between two moments
	Moments []LoadMoment  // those of which something is known, oldest first
	Callers []LoadCaller  // sorted by From
	// Busiest is how many times its even share the instance got that got most; zero: it is not known.
	Busiest float64
	// Peak is the most that was in flight at one instance whenever it was looked at; zero: it is not known.
	Peak float64
}

// LoadMoment is a node's load at a moment, summed over its instances. Rates are per second over a short window up to it.
// For TCP a request is a connection.
type LoadMoment struct {
	At        time.Time
	Rate      float64 // requests as they arrived, refused and repeated ones too
	Refused   float64 // requests per second that the node's pool refused
	Repeated  float64 // requests per second that callers' proxies sent again
	Within    float64 // mean number of requests within the proxies: the sum of the latencies that ended in a second
	Waiting   float64 // mean number of those that waited for a connection
	InFlight  float64 // sent on to the application and not answered, at this moment
	Instances float64 // proxies that reported
}

// LoadCaller is one caller of a node over the whole span.
type LoadCaller struct {
	From    string  // graph id
	Rate    float64 // requests per second
	Within  float64 // mean number of requests under way, as the caller's proxies saw them
	Proxies float64 // of the caller that reported, at most
}
