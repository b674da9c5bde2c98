package page

import (
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
)

// StripHeight is the height of a scrubber's strip in its own units; a frame is one unit wide.
const StripHeight = 40

// marksNamed is how many changes have their words under the strip; the others are points on it.
const marksNamed = 3

// Scrubber is the way through a mesh's past: a strip of frames, the changes and the trouble among them, and steps.
type Scrubber struct {
	Span     string // "15m", as in the address
	Spans    []SpanLink
	Step     time.Duration // between frames
	Frames   []Frame       // oldest first; none: they were not asked for, or could not be had
	Ticks    []string      // words under the strip, left to right
	Index    int           // of the frame that is shown; len(Frames) is the present
	Ends     bool          // the strip ends at the present
	Marks    []Mark        // newest first
	Troubles []Trouble
	More     int // troubles that are not listed
	Field    string
	Carry    []Field // what the form of the moment carries along
	Latest   string  // the latest moment that the field takes
	Previous string  // addresses; "" where there is nothing
	Next     string
	Earlier  string // the trouble before
	Later    string // the trouble after
	Compare  string // with the present
	Begins   string // since when there is history, in words; "" when it covers the strip
	Notes    []string
	Problem  string // why there is no strip, in English
	Waiting  bool   // the strip was not asked for: an island or a link asks
}

// SpanLink is a length of time that the strip may show, and how far apart its frames are then.
type SpanLink struct {
	Link
	Name string // as in the address
	Step time.Duration
}

// Frame is one moment of the strip.
type Frame struct {
	ISO, Href string
	Label     string // the moment, the verdict and the rate in words
	Health    mesh.Health
	Seen      bool    // there are numbers
	Height    float64 // 0 to 1
}

// Mark is a change on the strip.
type Mark struct {
	ID, Href string
	Clock    string
	Summary  string
	State    string
	X        float64 // 0 to 1
}

// Trouble is a run of frames that are not well.
type Trouble struct {
	Health mesh.Health // the worst of it
	Text   string      // from when to when
	Href   string      // to its first moment
}

// compareHref leads to the comparison, or without one to where the page is; the island puts the moment in.
func (s Scrubber) compareHref(of Shell) string {
	if s.Compare == "" {
		return of.Href("/compare")
	}
	return s.Compare
}

func (s Scrubber) width() string { return strconv.Itoa(max(len(s.Frames), 1)) }

// named are the marks whose words stand under the strip: the newest.
func (s Scrubber) named() []Mark { return s.Marks[:min(len(s.Marks), marksNamed)] }

func (s Scrubber) viewBox() string { return "0 0 " + s.width() + " " + strconv.Itoa(StripHeight) }

func (s Scrubber) live() bool { return s.Index >= len(s.Frames) }

// most is the last position of the slider: the present, or the last frame of a strip that ends before it.
func (s Scrubber) most() string {
	if s.Ends {
		return strconv.Itoa(len(s.Frames))
	}
	return strconv.Itoa(max(len(s.Frames)-1, 0))
}

func (f Frame) y() string { return decimal(StripHeight - f.height()) }

func (f Frame) tall() string { return decimal(f.height()) }

func (f Frame) height() float64 {
	if !f.Seen {
		return 1
	}
	return 3 + min(max(f.Height, 0), 1)*(StripHeight-6)
}

func (m Mark) x() string { return decimal(m.X*100) + "%" }

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// texts are the words of the scrubber's island.
func (s Scrubber) texts(of Shell) templ.Attributes {
	attributes := templ.Attributes{}
	for key, text := range of.L.Prefixed("scrubber.island.") {
		attributes["data-text-"+key] = text
	}
	for _, health := range []mesh.Health{mesh.Healthy, mesh.Degraded, mesh.Unhealthy, mesh.Idle, mesh.Unknown} {
		attributes["data-text-"+string(health)] = component.HealthWord(of.L, health)
	}
	for _, unit := range []string{"seconds", "minutes", "hours", "days", "ago", "utc"} {
		attributes["data-text-"+unit] = of.L.T("format." + unit)
	}
	return attributes
}
