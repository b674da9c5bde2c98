package change

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// maxMoments bounds a timeline: a proxy that refuses and a split that wavers may move a truth again and again.
const maxMoments = 40

// Moment is when one of a change's truths or its state moved.
type Moment struct {
	At time.Time `json:"at"`
	// What is the truth or the state: accepted, programmed, refused, agrees, contradicts, extended, clock, or a State.
	What string `json:"what"`
	Text string `json:"text,omitempty"` // who or how much, in words
}

// moved adds a moment. Readers keep the list that they hold; of a list that is full the middle is forgotten.
func (c *Change) moved(at time.Time, what, text string) {
	list := slices.Clone(c.Timeline)
	if len(list) >= maxMoments {
		list = slices.Delete(list, maxMoments/2, maxMoments/2+1)
	}
	list = append(list, Moment{At: at.UTC().Truncate(time.Millisecond), What: what, Text: text})
	c.Timeline = list
}

// noteProgrammed adds the moments of the second truth.
func (c *Change) noteProgrammed(before, after *Programmed, now time.Time) {
	refused := 0
	if before != nil {
		refused = len(before.Rejected)
	}
	if n := len(after.Rejected); n > refused {
		c.moved(now, "refused", after.Rejected[n-1].Proxy)
	}
	if after.At != nil && (before == nil || before.At == nil || !before.At.Equal(*after.At)) {
		c.moved(*after.At, "programmed", fmt.Sprintf("%d/%d", after.Acked, after.Total))
	}
}

// noteObserved adds the moments of the third truth: when it was first told whether traffic agrees, and when that turned.
func (c *Change) noteObserved(before, after *Observed, now time.Time) {
	if after.Agrees == nil || before != nil && before.Agrees != nil && *before.Agrees == *after.Agrees {
		return
	}
	what := "contradicts"
	if *after.Agrees {
		what = "agrees"
	}
	c.moved(now, what, strconv.FormatInt(after.Requests, 10))
}
