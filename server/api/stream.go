package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/journal"
)

// A stream's limits: how many there are, what waits for a reader, how long one write may take, how far a reader may fall
// behind before it is sent away, and how often silence is broken.
const (
	maxStreams    = 200
	streamRoom    = 256
	streamPage    = 500
	streamWrite   = 10 * time.Second
	maxStreamLate = 5000
	streamBeat    = 5 * time.Second
)

// stream is one reader of what happens.
type stream struct {
	out    http.ResponseWriter
	ctl    *http.ResponseController
	from   Events
	query  journal.Query // After is where it stands: the reader has all of before that it wants
	behind bool          // it began behind an event that its caller knew
}

// streamEvents tells what happens as it happens.
func (a *API) streamEvents(c *gin.Context) {
	in := Happening{Mesh: c.Query("mesh"), Kind: c.Query("kind"), Subject: c.Query("subject"), After: c.Query("after")}
	if last := c.GetHeader("Last-Event-ID"); last != "" {
		in.After = last
	}
	q, err := in.query()
	if err == nil && a.o.Events == nil {
		err = unwritten()
	}
	if err != nil {
		err = a.fail(c.Request.Context(), err)
		if p, ok := errors.AsType[*Problem](err); ok {
			writeProblem(c, p)
			return
		}
		writeProblem(c, problem(http.StatusServiceUnavailable, err.Error()))
		return
	}
	if a.streams.Add(1) > maxStreams {
		a.streams.Add(-1)
		c.Header("Retry-After", "10")
		writeProblem(c, problem(http.StatusServiceUnavailable, fmt.Sprintf("%d streams of events are open: close one, or ask /api/v1/events now and then", maxStreams)))
		return
	}
	defer a.streams.Add(-1)
	s := stream{out: c.Writer, ctl: http.NewResponseController(c.Writer), from: a.o.Events, query: q, behind: in.After != ""}
	if !s.behind {
		s.query.After = a.o.Events.Last()
	}
	_ = s.ctl.SetReadDeadline(time.Time{}) // nothing more is read of the request; a deadline would end it
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // a proxy in between is to pass events on at once
	c.Status(http.StatusOK)
	s.run(c)
}

// run tells until the reader leaves, falls too far behind, or nothing is published any more.
func (s *stream) run(c *gin.Context) {
	published := s.from.Published().Subscribe(streamRoom)
	defer published.Close()
	// An ID without data: who is cut off before the first event goes on here.
	if !s.write(fmt.Sprintf("retry: 1000\nid: %d\n\n", s.query.After)) || s.behind && !s.greet(c) || !s.catchUp(c) {
		return
	}
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	for ok := true; ok; {
		select {
		case <-c.Request.Context().Done():
			return
		case <-s.from.Done():
			return
		case <-beat.C:
			// Whoever signed out since, or may not see it any more, is told nothing more.
			ok = auth.Still(c.Request.Context(), auth.See, auth.Resource{Mesh: cmp.Or(s.query.Mesh, auth.Every)}) == nil && s.write(": here\n\n")
		case e := <-published.C:
			ok = s.tell(c, e, published)
		}
		if ok && published.Missed() {
			ok = s.late(published) && s.catchUp(c)
		}
	}
}

// greet tells a reader that goes on whether what it missed is still there.
func (s *stream) greet(c *gin.Context) bool {
	oldest, err := s.from.Events(c.Request.Context(), journal.Query{Forward: true, Limit: 1})
	if err != nil {
		return false
	}
	last := s.from.Last()
	switch {
	case s.query.After > last: // of another Weir, or of data that were put back
		s.query.After = last
		return s.resync(last)
	case s.query.After > 0 && len(oldest) > 0 && oldest[0].ID > s.query.After+1:
		return s.resync(oldest[0].ID)
	}
	return true
}

// catchUp tells what the store has after the reader's place.
func (s *stream) catchUp(c *gin.Context) bool {
	until := s.from.Last() // all up to it can be read
	for {
		q := s.query
		q.Forward, q.Limit = true, streamPage
		list, err := s.from.Events(c.Request.Context(), q)
		if err != nil {
			return false
		}
		for _, e := range list {
			if !s.event(e) {
				return false
			}
		}
		if len(list) < streamPage {
			s.query.After = max(s.query.After, until)
			return s.flush()
		}
	}
}

// tell tells an event, and those that wait behind it. IDs have no holes: where one is missing the reader was too slow for
// the bus, and the store has what is in between.
func (s *stream) tell(c *gin.Context, e journal.Event, published *event.Subscription[journal.Event]) bool {
	for {
		switch {
		case e.ID <= s.query.After: // told already
		case e.ID > s.query.After+1:
			if !s.catchUp(c) {
				return false
			}
		case s.query.Matches(e):
			if !s.event(e) {
				return false
			}
		default:
			s.query.After = e.ID
		}
		select {
		case e = <-published.C:
		default:
			return s.flush()
		}
	}
}

// late lets go of what waits, since the store has it; a reader that is too far behind is told so and sent away.
func (s *stream) late(published *event.Subscription[journal.Event]) bool {
	for len(published.C) > 0 {
		<-published.C
	}
	if last := s.from.Last(); last-s.query.After > maxStreamLate {
		s.resync(last)
		return false
	}
	return true
}

// resync says that events are missing: those before the one named are to be had from /api/v1/events, if at all.
func (s *stream) resync(id int64) bool {
	return s.write(fmt.Sprintf("event: resync\ndata: {\"id\":%d}\n\n", id))
}

func (s *stream) event(e journal.Event) bool {
	data, err := json.Marshal(e)
	if err != nil {
		return false
	}
	s.query.After = e.ID
	_ = s.ctl.SetWriteDeadline(time.Now().Add(streamWrite))
	_, err = fmt.Fprintf(s.out, "id: %d\ndata: %s\n\n", e.ID, data)
	return err == nil
}

func (s *stream) write(text string) bool {
	_ = s.ctl.SetWriteDeadline(time.Now().Add(streamWrite))
	_, err := s.out.Write([]byte(text))
	return err == nil && s.flush()
}

func (s *stream) flush() bool {
	_ = s.ctl.SetWriteDeadline(time.Now().Add(streamWrite))
	return s.ctl.Flush() == nil
}
