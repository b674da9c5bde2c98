package demo

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Failure is a request of the load that had no answer, or one of 500 and above.
type Failure struct {
	At    time.Time     // when it was made
	After time.Duration // how long until it failed
	URL   string
	Why   string // in the words of whoever failed: an application, a proxy between, or the generator's own client
}

// String is one line for people.
func (f Failure) String() string {
	return fmt.Sprintf("%s %s after %v: %s", f.At.UTC().Format("15:04:05.000"), f.URL, f.After.Round(time.Millisecond), f.Why)
}

// Late tells whether somebody lost patience: a proxy's timeout, an application's or the generator's own. A machine that does too
// much makes such failures without anybody's fault; it makes none of the others, which are a configuration's or a process's.
func (f Failure) Late() bool {
	return slices.ContainsFunc([]string{
		"upstream request timeout", // Envoy, https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts
		"reset reason: connection timeout",
		"Client.Timeout exceeded", "context deadline exceeded", "i/o timeout", // net/http and net
	}, func(words string) bool { return strings.Contains(f.Why, words) })
}

// maxFailures bounds how many failures are kept: the first ones, which tell how it began.
const maxFailures = 1024

// failures are what failed so far.
type failures struct {
	mu   sync.Mutex
	list []Failure
}

func (f *failures) add(one Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.list) < maxFailures {
		f.list = append(f.list, one)
	}
}

func (f *failures) all() []Failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list)
}

// refusal is an answer that was not the one that was hoped for.
type refusal struct {
	status int
	text   string
}

// Error says who answered what.
func (r *refusal) Error() string { return "status " + r.text }

// failure tells whether a request failed: without an answer, or with one of 500 and above.
func failure(err error) bool {
	var r *refusal
	return err != nil && (!errors.As(err, &r) || r.status >= http.StatusInternalServerError)
}

// complaint puts an answer that refuses into a line: its status, whether it is of a proxy itself, and the beginning of its text,
// in which Envoy gives the reason that its response flags stand for. It reads the answer to its end, so that the connection is
// used again.
func complaint(resp *http.Response) string {
	by := ""
	if resp.Header.Get(NodeHeader) == "" {
		by = " of a proxy"
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		text = fmt.Appendf(nil, "%s (%v)", text, err)
	}
	line := strings.Join(strings.Fields(string(text)), " ")
	if len(line) > 300 {
		line = strings.ToValidUTF8(line[:300], "") + "…"
	}
	return strings.TrimSuffix(fmt.Sprintf("%d%s: %s", resp.StatusCode, by, line), ": ")
}
