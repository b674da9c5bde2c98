// Package query is what the readers of stored metrics have in common: questions in PromQL, answers, and the ways in which
// an answer can fail. The embedded store and every remote backend speak it; it computes nothing and stores nothing.
package query

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
)

// Range is the instants Start, Start+Step … up to and including End.
type Range struct {
	Start, End time.Time
	Step       time.Duration
}

// Selection chooses series by matchers as in `up{job="envoy"}`, of which one must match, among those with samples
// between Start and End. Limit cuts the answer (with a warning); zero is the store's own bound.
type Selection struct {
	Match      []string
	Start, End time.Time
	Limit      int
}

// Kind is the type of an answer, in Prometheus' words.
type Kind string

// The kinds of answers.
const (
	Vector Kind = "vector"
	Matrix Kind = "matrix"
	Scalar Kind = "scalar"
	String Kind = "string"
)

// Point is one value. H is set for histograms, and V is not used then.
type Point struct {
	T int64 // ms since 1970
	V float64
	H *histogram.FloatHistogram
}

// Sample is one series' value at the instant asked for.
type Sample struct {
	Labels labels.Labels
	Point
}

// Series is one series' values over a range, oldest first.
type Series struct {
	Labels labels.Labels
	Points []Point
}

// Answer is what a question in PromQL came to. The field of its kind is set.
type Answer struct {
	Kind     Kind
	Vector   []Sample
	Matrix   []Series
	Scalar   Point
	Text     string
	Warnings []string      // something may be missing or wrong
	Infos    []string      // hints about the question
	Partial  bool          // a backend said that it could not read everything
	Took     time.Duration // wall time until the answer was there
}

// Fault says in which way a question failed; the words are Prometheus' errorType.
type Fault string

// The faults.
const (
	BadData     Fault = "bad_data"    // the question is wrong
	Execution   Fault = "execution"   // it is right and too large, or cannot be worked out
	Timeout     Fault = "timeout"     // it took longer than allowed
	Canceled    Fault = "canceled"    // whoever asked went away
	Unavailable Fault = "unavailable" // the store or backend cannot answer now
)

// Error is a question's failure. Its text is for people: what, where, what to do.
type Error struct {
	Fault Fault
	Err   error
}

// Errorf makes an Error.
func Errorf(f Fault, format string, args ...any) *Error {
	return &Error{f, fmt.Errorf(format, args...)}
}

// Error gives the text.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// FaultOf tells the fault of an error; one that is not an Error is Execution.
func FaultOf(err error) Fault {
	var e *Error
	if errors.As(err, &e) {
		return e.Fault
	}
	return Execution
}
