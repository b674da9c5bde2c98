package live

import "time"

// subscription is one view of one socket. Its fields belong to socket.mu.
type subscription struct {
	socket *socket
	topic  *topic
	sent   int64 // seq of the newest frame sent; zero: none, so that the next is a full one
	hold   int64 // after a resync: nothing before the topic has moved on from this seq
	flight []parcel
}

// parcel is a frame that was sent and is not acknowledged.
type parcel struct {
	seq int64
	at  time.Time
}

// credit says whether a viewer may be sent another frame. Two may be on their way, so that a fast viewer on a slow network
// misses none; to one who needs longer than a tick for a frame the next is sent when the last is drawn, or else what is
// seen would be as old as the two together.
func (sub *subscription) credit(now time.Time) bool {
	n := len(sub.flight)
	return n == 0 || n < inFlight && now.Sub(sub.flight[n-1].at) < tick
}

// due gives what a viewer needs to be where the topic is, nil when it is there already.
func (sub *subscription) due() *encoded {
	t := sub.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.delta == nil || t.seq == sub.sent || t.seq == sub.hold {
		return nil
	}
	if sub.sent != 0 && t.delta.base == sub.sent {
		return t.delta
	}
	full, err := t.whole()
	if err != nil {
		return nil // the topic's next frame tries again, and its encoding is what is logged
	}
	return full
}
