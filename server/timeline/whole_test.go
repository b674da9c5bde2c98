package timeline

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirmesh/weir/server/mesh"
)

// watched is a reader that notes the spans of the plots it was asked for.
type watched struct {
	*recorder
	spans []mesh.Span
}

func (w *watched) Plot(ctx context.Context, name string, of mesh.Subject, over mesh.Span) (mesh.Plot, error) {
	w.spans = append(w.spans, over)
	p, err := w.recorder.Plot(ctx, name, of, over)
	p.Partial = w.partial
	return p, err
}

// onward is a quarter of an hour that ends at a moment.
func onward(end time.Time) mesh.Span {
	return mesh.Span{Start: end.Add(-15 * time.Minute), End: end, Step: 5 * time.Second, Window: 30 * time.Second}
}

func TestAWholeMeshsPlotGoesOnFromTheLast(t *testing.T) {
	r := newRig(t)
	w := &watched{recorder: r.reader}
	r.o.Readers = func(string) (Reader, error) { return w, nil }
	begin := r.now
	for _, c := range []struct {
		what string
		on   time.Duration // since the beginning
		of   mesh.Subject
		long time.Duration // of what was read
	}{
		{"the first", 0, mesh.Subject{}, 15 * time.Minute},
		{"the next reads what is new or had not settled", 5 * time.Second, mesh.Subject{}, 30 * time.Second},
		{"so does one that is later by more", 65 * time.Second, mesh.Subject{}, 85 * time.Second},
		{"one that was not asked for in a long time begins anew", 12 * time.Minute, mesh.Subject{}, 15 * time.Minute},
		{"so does what is about one node", 12 * time.Minute, mesh.Subject{To: "v1"}, 15 * time.Minute},
		{"other moments are others", 12*time.Minute + 2*time.Second, mesh.Subject{}, 15 * time.Minute},
	} {
		r.now = begin.Add(c.on)
		w.spans = nil
		over := onward(r.now)
		got, err := r.Plot(t.Context(), "shop", c.of, over)
		if err != nil {
			t.Fatal(err)
		}
		if len(w.spans) != 1 || w.spans[0].End.Sub(w.spans[0].Start) != c.long {
			t.Errorf("%s: read %v", c.what, w.spans)
		}
		fresh := New(r.o)
		want, err := fresh.Plot(t.Context(), "shop", c.of, over)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s, against one that was read at once: %s", c.what, diff)
		}
	}
}

func TestAWholeMeshsPlotIsReadAnewInTheEnd(t *testing.T) {
	r := newRig(t)
	w := &watched{recorder: r.reader}
	r.o.Readers = func(string) (Reader, error) { return w, nil }
	var wholly []time.Duration
	begin := r.now
	for on := time.Duration(0); on <= 31*time.Minute; on += time.Minute {
		r.now = begin.Add(on)
		w.spans = nil
		if _, err := r.Plot(t.Context(), "shop", mesh.Subject{}, onward(r.now)); err != nil {
			t.Fatal(err)
		}
		if w.spans[0].End.Sub(w.spans[0].Start) == 15*time.Minute {
			wholly = append(wholly, on)
		}
	}
	if want := []time.Duration{0, 16 * time.Minute}; !slices.Equal(wholly, want) {
		t.Errorf("all was read after %v, want %v", wholly, want)
	}
}

func TestAPartialPlotIsNothingToGoOnFrom(t *testing.T) {
	r := newRig(t)
	w := &watched{recorder: r.reader}
	w.partial = true
	r.o.Readers = func(string) (Reader, error) { return w, nil }
	for range 2 {
		w.spans = nil
		r.now = r.now.Add(5 * time.Second)
		p, err := r.Plot(t.Context(), "shop", mesh.Subject{}, onward(r.now))
		if err != nil || !p.Partial {
			t.Fatal(p.Partial, err)
		}
		if w.spans[0].End.Sub(w.spans[0].Start) != 15*time.Minute {
			t.Errorf("read %v", w.spans)
		}
	}
}

func TestContinuedRefusesWhatDoesNotFit(t *testing.T) {
	over := onward(noon.Add(time.Hour))
	r := &recorder{}
	base, err := r.Plot(t.Context(), "shop", mesh.Subject{}, over)
	if err != nil {
		t.Fatal(err)
	}
	next := onward(over.End.Add(5 * time.Second))
	for what, tail := range map[string]mesh.Span{
		"longer steps":                {Start: over.End.Add(-30 * time.Second), End: next.End, Step: 10 * time.Second},
		"a gap":                       {Start: over.End.Add(10 * time.Second), End: next.End.Add(time.Minute), Step: 5 * time.Second},
		"moments between the moments": {Start: over.End.Add(-2 * time.Second), End: next.End, Step: 5 * time.Second},
	} {
		end, err := r.Plot(t.Context(), "shop", mesh.Subject{}, tail)
		if err != nil {
			t.Fatal(err)
		}
		if _, fits := continued(base, end, next); fits {
			t.Errorf("%s fit", what)
		}
	}
	end, err := r.Plot(t.Context(), "shop", mesh.Subject{}, mesh.Span{Start: over.End, End: next.End, Step: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	end.P95 = end.P95[1:]
	if _, fits := continued(base, end, next); fits {
		t.Error("a column that is too short fit")
	}
}
