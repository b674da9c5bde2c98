package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/change"
)

// asks asks for a page with some headers, as pairs.
func asks(site http.Handler, address string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, address, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	site.ServeHTTP(answer, r)
	return answer
}

func TestPagesAreCompressedForThoseWhoTakeIt(t *testing.T) {
	site := serve(newWorld())
	plain := asks(site, "/services")
	if plain.Header().Get("Content-Encoding") != "" || plain.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("who does not ask for it gets %v", plain.Header())
	}
	for _, accept := range []string{"gzip", "deflate, GZIP;q=0.5, br", "gzip; q=1.0"} {
		small := asks(site, "/services", "Accept-Encoding", accept)
		if small.Header().Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s: %v", accept, small.Header())
		}
		if small.Body.Len() > plain.Body.Len()/3 {
			t.Errorf("%s: %d bytes of %d", accept, small.Body.Len(), plain.Body.Len())
		}
		z, err := gzip.NewReader(small.Body)
		if err != nil {
			t.Fatal(err)
		}
		if all, err := io.ReadAll(z); err != nil || string(all) != plain.Body.String() {
			t.Errorf("%s: another page, %v", accept, err)
		}
	}
	for _, accept := range []string{"br", "gzip;q=0", "gzip; q=0.000", "x-gzip-like"} {
		if got := asks(site, "/services", "Accept-Encoding", accept).Header().Get("Content-Encoding"); got != "" {
			t.Errorf("%s: %s", accept, got)
		}
	}
}

func TestAFragmentIsSentOnceUntilItChanges(t *testing.T) {
	w := newWorld()
	site := serve(w)
	const address = "/?fragment=overview"
	first := asks(site, address)
	tag := first.Header().Get("ETag")
	if first.Code != http.StatusOK || tag == "" {
		t.Fatalf("%d, tag %q", first.Code, tag)
	}
	if again := asks(site, address, "If-None-Match", tag); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("%d with %d bytes", again.Code, again.Body.Len())
	}
	if other := asks(site, address, "If-None-Match", tag, "Cookie", "weir_lang=ko"); other.Code != http.StatusOK || !strings.Contains(other.Body.String(), "문제") {
		t.Errorf("in another language: %d %.300s", other.Code, other.Body)
	}
	if page := asks(site, "/", "If-None-Match", tag); page.Code != http.StatusOK || page.Header().Get("ETag") != "" {
		t.Errorf("a whole page: %d, tag %q", page.Code, page.Header().Get("ETag"))
	}
	g := w.graphs["sample_app"]
	g.At = g.At.Add(1)
	g.Edges = nil
	w.graphs["sample_app"] = g
	if changed := asks(site, address, "If-None-Match", tag); changed.Code != http.StatusOK || changed.Header().Get("ETag") == tag {
		t.Errorf("after a change: %d", changed.Code)
	}
}

// What one reader is given is not given to one who looks at something else, in whatever order they ask.
func TestReadersShareOnlyWhatIsTheSame(t *testing.T) {
	w := newWorld()
	other := sample()
	other.Name = "billing"
	w.add(other)
	g := picture()
	g.Mesh, g.Edges = "billing", g.Edges[:1]
	w.graphs["billing"] = g
	site := serve(w)
	readers := [][]string{
		{"/?fragment=overview&mesh=sample_app"},
		{"/?fragment=overview&mesh=sample_app", "Cookie", "weir_lang=ko"},
		{"/?fragment=overview&mesh=sample_app", "Cookie", "weir_theme=dark"},
		{"/?fragment=overview&mesh=billing"},
		{"/?fragment=overview", "Cookie", "weir_mesh=billing"},
		{"/services?fragment=services&mesh=sample_app"},
		{"/services?fragment=services&mesh=sample_app&sort=-rate"},
		{"/services?fragment=services&mesh=sample_app&q=rev"},
	}
	alone := make([]string, len(readers))
	for i, r := range readers {
		alone[i] = asks(serve(w), r[0], r[1:]...).Body.String() // of a console that nobody else asks
	}
	for range 2 {
		for i, r := range readers {
			if got := asks(site, r[0], r[1:]...).Body.String(); got != alone[i] {
				t.Errorf("%v is given somebody else's:\n%.400s", r, got)
			}
		}
	}
	if alone[0] == alone[1] || alone[0] == alone[3] || alone[5] == alone[6] || alone[5] == alone[7] {
		t.Error("the readers look at the same")
	}
	w.meshes["sample_app"].Mesh.Services = nil
	w.meshes["sample_app"].Revision++
	if got := asks(site, readers[5][0]).Body.String(); got == alone[5] {
		t.Error("another configuration, and the same page")
	}
	w.fail = change.ErrStale
	if got := asks(site, "/?fragment=overview&mesh=nowhere"); got.Code != http.StatusNotFound {
		t.Errorf("a mesh that is not there: %d", got.Code)
	}
}
