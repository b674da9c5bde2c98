package live

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// topic is one view as its viewers know it. What it has sent is its state, so that one encoding serves all of them, and
// a viewer that missed a delta gets the same state as one full frame.
type topic struct {
	view view

	mu      sync.Mutex
	epoch   int64
	seq     int64
	at      time.Time // of the newest frame
	before  time.Time // of the one before
	nextID  int
	boxes   map[string]*sentBox
	lines   map[pair]*sentLine
	rows    map[string]*sentRow
	order   []string // keys of rows, in order
	head    Frame
	stage   stage
	page    []int // the order of a table's page
	memory  memory
	delta   *encoded
	full    *encoded // of seq, made when somebody needs it
	viewers map[*subscription]struct{}
	polled  time.Time // when somebody last polled
	changed chan struct{}
}

type sentBox struct {
	id   int
	name Name
	row  values
	said said
}

type sentLine struct {
	id   int
	ends Ends
	row  values
	said said
}

// said is the explanation that viewers have of a row.
type said struct {
	why Why
	at  time.Time
}

// whyEvery is how long an explanation stands when only numbers in its words changed: they are to be read.
const whyEvery = 5 * time.Second

// explain adds a row's explanation to a frame, or says that the last one stands.
func (s *said) explain(f *Frame, id int, why Why, now time.Time) {
	if len(why.Text) == 0 && len(why.Causes) == 0 {
		s.why = why
		return
	}
	if now.Sub(s.at) < whyEvery && alike(s.why, why) {
		f.Same = append(f.Same, id)
		return
	}
	s.why, s.at = why, now
	f.Why[id] = why
}

type sentRow struct {
	same string
	body json.RawMessage
}

// encoded is a frame ready for sending.
type encoded struct {
	base     int64 // zero: full
	seq      int64
	body     []byte
	prepared *websocket.PreparedMessage
}

// newTopic begins a topic; now gives it an epoch that no earlier topic of the view had.
func newTopic(v view, now time.Time) *topic {
	return &topic{
		view: v, epoch: now.UnixMilli(), seq: now.UnixMilli(), nextID: 1,
		boxes: make(map[string]*sentBox), lines: make(map[pair]*sentLine), rows: make(map[string]*sentRow),
		viewers: make(map[*subscription]struct{}), changed: make(chan struct{}),
	}
}

// shows says whether viewers have a line already.
func (t *topic) shows(from, to string) bool {
	_, ok := t.lines[pair{from, to}]
	return ok
}

// due says whether a topic may have another frame: what changed is shown soon after, and however much happens there are
// two frames a second at most. The caller holds t.mu.
func (t *topic) due(now time.Time) bool {
	return now.Sub(t.at) >= graphPace && now.Sub(t.before) >= 900*time.Millisecond
}

// advance makes the next frame. The caller holds t.mu.
func (t *topic) advance(p content, now time.Time) error {
	f := p.head
	f.View, f.Epoch, f.Seq, f.Base = t.view.name, t.epoch, t.seq+1, t.seq
	switch {
	case p.rests:
	case t.view.graphical():
		f.Names, f.Ends, f.Why = make(map[int]Name), make(map[int]Ends), make(map[int]Why)
		t.advanceBoxes(p.boxes, &f, now)
		t.advanceLines(p.lines, &f, now)
		t.forget(p, &f)
		if err := t.advanceScene(p, &f, now); err != nil {
			return err
		}
	default:
		t.advanceRows(p.rows, &f)
	}
	delta, err := encode(f)
	if err != nil {
		return err
	}
	t.head, t.seq, t.delta, t.full, t.before, t.at = p.head, f.Seq, delta, nil, t.at, now
	close(t.changed)
	t.changed = make(chan struct{})
	return nil
}

func (t *topic) advanceBoxes(boxes []box, f *Frame, now time.Time) {
	var ids []int
	var rows []values
	band := t.view.deadband()
	for i := range boxes {
		b := &boxes[i]
		sent, known := t.boxes[b.name.ID]
		if !known {
			sent = &sentBox{id: t.newID()}
			t.boxes[b.name.ID] = sent
		}
		if !known || sent.name != b.name {
			sent.name = b.name
			f.Names[sent.id] = b.name
		}
		if known && near(&sent.row, &b.row, band) && alike(sent.said.why, b.why) {
			continue
		}
		sent.row = b.row
		ids, rows = append(ids, sent.id), append(rows, b.row)
		sent.said.explain(f, sent.id, b.why, now)
	}
	if len(ids) > 0 {
		f.Nodes = &Table{}
		f.Nodes.fill(ids, rows)
	}
}

func (t *topic) advanceLines(lines []line, f *Frame, now time.Time) {
	var ids []int
	var rows []values
	band := t.view.deadband()
	for i := range lines {
		l := &lines[i]
		from, to := t.boxes[l.from], t.boxes[l.to]
		if from == nil || to == nil {
			continue // a graph whose edge ends at no box: nothing could be drawn
		}
		ends := l.ends
		ends.From, ends.To = from.id, to.id
		sent, known := t.lines[l.key()]
		if !known {
			sent = &sentLine{id: t.newID()}
			t.lines[l.key()] = sent
		}
		if !known || !reflect.DeepEqual(sent.ends, ends) {
			sent.ends = ends
			f.Ends[sent.id] = ends
		}
		if known && near(&sent.row, &l.row, band) && alike(sent.said.why, l.why) {
			continue
		}
		sent.row = l.row
		ids, rows = append(ids, sent.id), append(rows, l.row)
		sent.said.explain(f, sent.id, l.why, now)
	}
	f.fill(ids, rows)
}

// forget drops what the view no longer shows.
func (t *topic) forget(p content, f *Frame) {
	boxes, lines := make(map[string]bool, len(p.boxes)), make(map[pair]bool, len(p.lines))
	for i := range p.boxes {
		boxes[p.boxes[i].name.ID] = true
	}
	for i := range p.lines {
		lines[p.lines[i].key()] = boxes[p.lines[i].from] && boxes[p.lines[i].to]
	}
	for key, sent := range t.boxes {
		if !boxes[key] {
			f.Gone = append(f.Gone, sent.id)
			delete(t.boxes, key)
		}
	}
	for key, sent := range t.lines {
		if !lines[key] {
			f.Gone = append(f.Gone, sent.id)
			delete(t.lines, key)
		}
	}
	slices.Sort(f.Gone)
}

func (t *topic) advanceRows(rows []item, f *Frame) {
	t.order = t.order[:0]
	here := make(map[string]bool, len(rows))
	for _, r := range rows {
		here[r.key] = true
		t.order = append(t.order, r.key)
		sent, known := t.rows[r.key]
		if known && sent.same == r.same {
			continue
		}
		t.rows[r.key] = &sentRow{same: r.same, body: r.body}
		f.Rows = append(f.Rows, r.body)
	}
	for key := range t.rows {
		if !here[key] {
			f.GoneRows = append(f.GoneRows, key)
			delete(t.rows, key)
		}
	}
	slices.Sort(f.GoneRows)
}

func (t *topic) newID() int {
	id := t.nextID
	t.nextID++
	return id
}

// whole gives the newest frame in full. The caller holds t.mu.
func (t *topic) whole() (*encoded, error) {
	if t.full != nil {
		return t.full, nil
	}
	f := t.head
	f.View, f.Epoch, f.Seq = t.view.name, t.epoch, t.seq
	if t.view.graphical() {
		t.wholeGraph(&f)
	} else {
		for _, key := range t.order {
			f.Rows = append(f.Rows, t.rows[key].body)
		}
	}
	full, err := encode(f)
	if err != nil {
		return nil, err
	}
	t.full = full
	return full, nil
}

func (t *topic) wholeGraph(f *Frame) {
	f.Names, f.Ends, f.Why = make(map[int]Name), make(map[int]Ends), make(map[int]Why)
	boxes := make(map[int]values, len(t.boxes))
	for _, sent := range t.boxes {
		f.Names[sent.id], boxes[sent.id] = sent.name, sent.row
		explain(f, sent.id, sent.said.why)
	}
	lines := make(map[int]values, len(t.lines))
	for _, sent := range t.lines {
		f.Ends[sent.id], lines[sent.id] = sent.ends, sent.row
		explain(f, sent.id, sent.said.why)
	}
	f.Nodes = &Table{}
	f.Nodes.fill(byID(boxes))
	f.fill(byID(lines))
	f.Scene, f.Order = t.stage.body, t.page
}

// byID orders rows by their ids.
func byID(rows map[int]values) ([]int, []values) {
	ids := make([]int, 0, len(rows))
	for id := range rows {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	out := make([]values, len(ids))
	for i, id := range ids {
		out[i] = rows[id]
	}
	return ids, out
}

func explain(f *Frame, id int, why Why) {
	if len(why.Text) > 0 || len(why.Causes) > 0 {
		f.Why[id] = why
	}
}

// near says whether a row is still what viewers were told, within the deadband. Health, flags and null are exact.
func near(sent, now *values, band float64) bool {
	for c := range sent {
		s, n := sent[c], now[c]
		if same(s, n) {
			continue
		}
		if c == colHealth || c == colDeclared || c == colUsed || s == 0 || n == 0 || math.IsNaN(s) || math.IsNaN(n) {
			return false
		}
		if math.Abs(n-s) > bandOf(c, band)*math.Abs(s) {
			return false
		}
	}
	return true
}

// bandOf is a column's deadband: what varies from second to second anyway has a wider one.
func bandOf(column int, band float64) float64 {
	switch column {
	case colP50, colP95, colP99, colBytes:
		return max(band, looseDeadband)
	default:
		return band
	}
}

// alike says whether two explanations name the same causes and limits; the other numbers in their words may differ, as
// they are renewed with the row.
func alike(a, b Why) bool {
	if len(a.Causes) != len(b.Causes) || len(a.Text) != len(b.Text) {
		return false
	}
	for i := range a.Causes {
		x, y := &a.Causes[i], &b.Causes[i]
		if x.Code != y.Code || x.Knob != y.Knob || x.At != y.At || x.Values["limit"] != y.Values["limit"] || x.Values["where"] != y.Values["where"] {
			return false
		}
	}
	return len(a.Causes) > 0 || slices.Equal(a.Text, b.Text)
}

// encode makes a frame ready for any number of sockets.
func encode(f Frame) (*encoded, error) {
	body, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode frame of view %s: %w", f.View, err)
	}
	prepared, err := websocket.NewPreparedMessage(websocket.TextMessage, body)
	if err != nil {
		return nil, fmt.Errorf("prepare frame of view %s: %w", f.View, err)
	}
	return &encoded{base: f.Base, seq: f.Seq, body: body, prepared: prepared}, nil
}
