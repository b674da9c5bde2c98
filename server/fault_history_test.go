package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/weirmesh/weir/server/change"
)

// register is what a history knows of one object: its version and the value of the one field that operators write. Every
// write's value is its own.
type register struct{ version, value int }

// inquiry is what an operator asks of one object.
type inquiry struct {
	node   string
	kind   string // "read", "write", "undo"
	base   int    // of a write: the version in If-Match
	value  int    // of a write: what is written; of an undo: what comes back
	undone int    // of an undo: what the change had written
}

// outcome is what the operator was told.
type outcome struct {
	told string // "done", "stale", "refused", "unknown"
	seen register
}

// registers is how Weir ought to behave, one object at a time. What nobody was told may have happened or not.
func registers() porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{register{version: 1, value: 1}} },
		Step: func(state, input, output any) []any {
			return follow(state.(register), input.(inquiry), output.(outcome))
		},
		Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
			at := make(map[string]int)
			for _, op := range history {
				node := op.Input.(inquiry).node
				if _, ok := at[node]; !ok {
					at[node] = len(parts)
					parts = append(parts, nil)
				}
				parts[at[node]] = append(parts[at[node]], op)
			}
			return parts
		},
	}
	return model.ToModel()
}

// follow gives what an object may be after a deed; nothing when the outcome cannot be.
func follow(was register, d inquiry, o outcome) []any {
	applies := d.kind == "write" && was.version == d.base || d.kind == "undo" && was.value == d.undone
	after := register{was.version + 1, d.value}
	switch {
	case d.kind == "read" && o.told == "done":
		if was == o.seen {
			return []any{was}
		}
		return nil
	case o.told == "done":
		if applies {
			return []any{after}
		}
		return nil
	case o.told == "unknown" && applies:
		return []any{was, after}
	case o.told == "stale" && applies:
		return nil // somebody else was said to have been first
	default:
		return []any{was}
	}
}

// chronicle is several operators at work, and what each of them was told.
type chronicle struct {
	t     *testing.T
	url   atomic.Pointer[string]
	begin time.Time
	done  atomic.Int64 // writes and undos that were acknowledged
	next  atomic.Int64 // the next value that nobody has written
	stop  chan struct{}
	ended sync.Once
	work  sync.WaitGroup

	mu        sync.Mutex
	ops       []porcupine.Operation
	confirmed []string // changes whose confirmation was acknowledged
	counts    map[string]int
}

// staff begins some people's work on some nodes, at a URL that may change.
func staff(t *testing.T, url *string, nodes []string) *chronicle {
	const people = 4
	h := &chronicle{t: t, begin: time.Now(), stop: make(chan struct{}), counts: make(map[string]int)}
	h.next.Store(1)
	h.url.Store(url)
	t.Cleanup(h.end)
	for who := range people {
		h.work.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(who)))
			http := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{}}
			defer http.CloseIdleConnections()
			for {
				select {
				case <-h.stop:
					return
				default:
					(&worker{chronicle: h, id: who, http: http, random: random}).turn(nodes[random.IntN(len(nodes))])
				}
			}
		})
	}
	return h
}

// more waits until some more changes are acknowledged.
func (h *chronicle) more(n int64) {
	h.t.Helper()
	until := h.done.Load() + n
	eventually(h.t, fmt.Sprintf("%d more changes are acknowledged", n), func() bool { return h.done.Load() >= until })
}

// linearizable ends the work and checks all that was told, and that whatever was confirmed stays.
func (h *chronicle) linearizable(find func(id string) change.Change) (operations int) {
	h.t.Helper()
	h.end()
	if result := porcupine.CheckOperationsTimeout(registers(), h.ops, time.Minute); result != porcupine.Ok {
		h.t.Errorf("the history of %d operations is not linearizable: %v", len(h.ops), result)
	}
	for _, id := range h.confirmed {
		if c := find(id); c.State == change.Reverted || c.State == change.Pending {
			h.t.Errorf("change %s was confirmed, and is %s", id, c.State)
		}
	}
	for _, kind := range []string{"write done", "write stale", "undo done"} {
		if h.counts[kind] == 0 {
			h.t.Errorf("the history has no %q: %v", kind, h.counts)
		}
	}
	return len(h.ops)
}

// end lets everybody finish what they do.
func (h *chronicle) end() {
	h.ended.Do(func() { close(h.stop) })
	h.work.Wait()
}

// worker is one operator.
type worker struct {
	*chronicle
	id     int
	http   *http.Client
	random *rand.Rand
}

// turn reads an object, writes it with the version that was read, and now and then confirms or undoes that.
func (w *worker) turn(node string) {
	read := w.note(inquiry{node: node, kind: "read"}, func(inquiry) (outcome, change.Change) { return w.read(node) })
	if read.told != "done" {
		time.Sleep(10 * time.Millisecond) // Weir is away
		return
	}
	d := inquiry{node: node, kind: "write", base: read.seen.version, value: int(w.next.Add(1))}
	wait := w.random.IntN(4) == 0
	var made change.Change
	written := w.note(d, func(d inquiry) (outcome, change.Change) {
		body := fmt.Sprintf(`{"maxConnections":%d}`, d.value)
		query := ""
		if wait {
			query = "?confirmWithin=10m"
		}
		o, c := w.send(http.MethodPut, "/api/v1/meshes/bookshop/nodes/"+node+"/connection-pool"+query, body, strconv.Itoa(d.base))
		made = c
		return o, c
	})
	if written.told != "done" {
		return
	}
	if wait {
		if o, _ := w.send(http.MethodPost, "/api/v1/changes/"+made.ID+"/confirm", "", ""); o.told == "done" {
			w.mu.Lock()
			w.confirmed = append(w.confirmed, made.ID)
			w.mu.Unlock()
		}
	} else if w.random.IntN(3) == 0 {
		w.note(inquiry{node: node, kind: "undo", undone: d.value, value: read.seen.value}, func(inquiry) (outcome, change.Change) {
			return w.send(http.MethodPost, "/api/v1/changes/"+made.ID+"/undo", "", "")
		})
	}
}

// note does a deed and writes it into the history. What is not known may happen until the end of all days.
func (w *worker) note(d inquiry, do func(inquiry) (outcome, change.Change)) outcome {
	call := time.Since(w.begin).Nanoseconds()
	o, _ := do(d)
	back := time.Since(w.begin).Nanoseconds()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[d.kind+" "+o.told]++
	if d.kind == "read" && o.told != "done" {
		return o // it says nothing about anything
	}
	if o.told == "unknown" {
		back = 1<<62 + int64(len(w.ops))
	}
	if o.told == "done" && d.kind != "read" {
		w.done.Add(1)
	}
	// One operator has one thing under way at a time, except what nobody knows the end of: that counts as somebody else's.
	id := w.id
	if o.told == "unknown" {
		id = 1000 + len(w.ops)
	}
	w.ops = append(w.ops, porcupine.Operation{ClientId: id, Input: d, Call: call, Output: o, Return: back})
	return o
}

// read asks for an object and its version.
func (w *worker) read(node string) (o outcome, none change.Change) {
	resp, body, err := w.ask(http.MethodGet, "/api/v1/meshes/bookshop/nodes/"+node, "", "")
	if err != nil || resp.StatusCode != http.StatusOK {
		return outcome{told: "unknown"}, none
	}
	var object struct {
		Listeners []struct {
			Pool struct {
				Limit int `json:"maxConnections"`
			} `json:"connectionPool"`
		} `json:"listeners"`
	}
	version, err := strconv.Atoi(strings.Trim(resp.Header.Get("ETag"), `"`))
	if err != nil || json.Unmarshal(body, &object) != nil || len(object.Listeners) != 1 {
		w.t.Errorf("node %s: %s %s", node, resp.Header, body)
		return outcome{told: "unknown"}, none
	}
	return outcome{told: "done", seen: register{version, object.Listeners[0].Pool.Limit}}, none
}

// send asks for a change and says what the answer means.
func (w *worker) send(method, path, body, match string) (o outcome, c change.Change) {
	resp, data, err := w.ask(method, path, body, match)
	if err != nil {
		return outcome{told: "unknown"}, c
	}
	switch {
	case resp.StatusCode < 300:
		if err := json.Unmarshal(data, &c); err != nil || c.ID == "" {
			w.t.Errorf("%s %s: %v: %s", method, path, err, data)
		}
		return outcome{told: "done"}, c
	case resp.StatusCode == http.StatusPreconditionFailed:
		return outcome{told: "stale"}, c
	case resp.StatusCode == http.StatusServiceUnavailable && bytes.Contains(data, []byte("not known")):
		return outcome{told: "unknown"}, c
	case resp.StatusCode == http.StatusServiceUnavailable:
		if resp.Header.Get("Retry-After") == "" {
			w.t.Errorf("%s %s: 503 without Retry-After: %s", method, path, data)
		}
		return outcome{told: "refused"}, c
	case resp.StatusCode == http.StatusConflict:
		return outcome{told: "refused"}, c
	}
	w.t.Errorf("%s %s: %s: %s", method, path, resp.Status, data)
	return outcome{told: "unknown"}, c
}

func (w *worker) ask(method, path, body, match string) (*http.Response, []byte, error) {
	req, err := http.NewRequest(method, *w.url.Load()+path, strings.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if match != "" {
		req.Header.Set("If-Match", `"`+match+`"`)
	}
	req.Header.Set("X-Weir-Author", fmt.Sprintf("operator %d", w.id))
	resp, err := w.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp, data, err
}
