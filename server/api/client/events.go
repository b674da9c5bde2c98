package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/journal"
	"github.com/weirmesh/weir/server/mesh"
)

// EventAsk selects events. Zero fields do not restrict.
type EventAsk struct {
	Mesh    string
	Kinds   string // separated by commas
	Subject string
	After   string // newer than the event with this ID; empty: the newest, or what happens from now on
	Limit   int    // of a list
}

func (a EventAsk) query() url.Values {
	return query("mesh", a.Mesh, "kind", a.Kinds, "subject", a.Subject, "after", a.After)
}

// Events lists events, newest first or, with After, oldest first: raw as the server answers them, and read.
func (c *Client) Events(ctx context.Context, ask EventAsk) (raw json.RawMessage, list []journal.Event, err error) {
	q := ask.query()
	if ask.Limit > 0 {
		q.Set("limit", strconv.Itoa(ask.Limit))
	}
	return listed[journal.Event](ctx, c, getting("/api/v1/events", q), "events")
}

// Hooks lists the webhooks that are told of events.
func (c *Client) Hooks(ctx context.Context) ([]journal.HookState, error) {
	var page struct {
		Items []journal.HookState `json:"items"`
	}
	return page.Items, c.get(ctx, "/api/v1/webhooks", nil, &page)
}

// How a stream is followed: the server breaks silence every 15 seconds, so that a longer one is a lost connection.
const (
	silence      = 45 * time.Second
	firstPause   = 250 * time.Millisecond
	longestPause = 15 * time.Second
	maxLine      = 1 << 20
)

// Follower is told what happens.
type Follower struct {
	// Event takes one event. An error ends following, and is its error.
	Event func(journal.Event) error
	// Notice is told in words that the connection was lost, or that events are missing. Nil: nobody is told.
	Notice func(string)
}

// Follow tells what happens until ctx ends. A lost connection is made again, and what happened meanwhile follows: every
// event once, in order. An error of the first connection, and a refusal, are returned.
func (c *Client) Follow(ctx context.Context, ask EventAsk, to Follower) error {
	if to.Notice == nil {
		to.Notice = func(string) {}
	}
	f := follower{Client: c, ask: ask, to: to}
	pause := firstPause
	for {
		begun, err := f.once(ctx)
		var stop *stopped
		switch {
		case errors.As(err, &stop):
			return stop.err
		case ctx.Err() != nil:
			return nil
		case !begun && !f.begun, err != nil && mesh.CodeOf(err) != mesh.Unavailable:
			return err
		}
		if begun {
			pause = firstPause
			to.Notice(fmt.Sprintf("the connection to %s ended: connecting again", c.base))
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		pause = min(2*pause, longestPause)
	}
}

// stopped is an error of whoever is told.
type stopped struct{ err error }

func (s *stopped) Error() string { return s.err.Error() }

type follower struct {
	*Client
	ask   EventAsk
	to    Follower
	last  int64 // the newest event that was told
	begun bool  // once, at least
}

// once follows over one connection; begun says whether there was one.
func (f *follower) once(ctx context.Context) (begun bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	quiet := time.AfterFunc(silence, cancel)
	defer quiet.Stop()
	target := f.base.String() + "/api/v1/events/stream?" + f.ask.query().Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return false, mesh.Errorf(mesh.Invalid, "address %q: %w", target, err)
	}
	r.Header.Set("Accept", "text/event-stream")
	if f.begun {
		r.Header.Set("Last-Event-ID", strconv.FormatInt(f.last, 10))
	}
	if f.token != "" {
		r.Header.Set("Authorization", "Bearer "+f.token)
	}
	answer, err := f.http.Do(r)
	if err != nil {
		return false, f.unreachable(ctx, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		data, _ := io.ReadAll(io.LimitReader(answer.Body, maxLine))
		return false, f.problem(answer.StatusCode, data)
	}
	return true, f.read(answer.Body, func() { quiet.Reset(silence) })
}

// read takes messages until the stream ends. alive is called with every line.
func (f *follower) read(body io.Reader, alive func()) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLine)
	id, kind, data := "", "", ""
	for lines.Scan() {
		alive()
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if err := f.message(id, kind, data); err != nil {
				return err
			}
			id, kind, data = "", "", ""
		case name == "id":
			id = value
		case name == "event":
			kind = value
		case name == "data":
			data = value
		}
	}
	return lines.Err()
}

// message takes one message of the stream.
func (f *follower) message(id, kind, data string) error {
	at, err := strconv.ParseInt(id, 10, 64)
	switch {
	case kind == "resync":
		var hint struct{ ID int64 }
		if err := json.Unmarshal([]byte(data), &hint); err == nil {
			f.last = min(f.last, hint.ID)
		}
		f.to.Notice("events are missing here: Weir keeps them no more, or this reader was too slow")
		return nil
	case err != nil:
		return nil //nolint:nilerr // silence that is broken has no ID
	case data == "":
		if !f.begun { // where the stream begins
			f.last, f.begun = at, true
		}
		return nil
	case f.begun && at <= f.last:
		return nil // told before
	}
	var e journal.Event
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return &stopped{mesh.Errorf(mesh.Internal, "%s told an event that cannot be read: %w", f.base, err)}
	}
	f.last, f.begun = at, true
	if err := f.to.Event(e); err != nil {
		return &stopped{err}
	}
	return nil
}
