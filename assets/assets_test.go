package assets

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func TestLoad(t *testing.T) {
	b, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	css := get(t, b, b.URL("weir.css"), "")
	body := css.Body.String()
	if !strings.HasPrefix(strings.TrimSpace(body), "/*") && !strings.HasPrefix(body, "@layer") {
		t.Errorf("weir.css begins with %.40q: the order of the layers has to be first", body)
	}
	if i := strings.Index(body, "@layer "); i < 0 || !strings.Contains(body[i:i+200], ";") {
		t.Error("weir.css does not name its layers before it uses them")
	}
	if b.URL("mark.svg") == "" {
		t.Error("the mark is missing")
	}
	if got := css.Header().Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("Cache-Control %q: an address with a hash may be kept for ever", got)
	}
}

func TestServe(t *testing.T) {
	long := strings.Repeat("export const a = 1;\n", 100)
	b, err := load(fstest.MapFS{
		"styles/index.css": {Data: []byte("@layer base;")},
		"styles/a.css":     {Data: []byte("@layer base{}")},
		"dist/weir.js":     {Data: []byte(long)},
		"dist/weir.js.map": {Data: []byte("{}")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, b, b.URL("weir.css"), "").Body.String(); got != "@layer base;@layer base{}" {
		t.Errorf("styles are %q: index.css comes first", got)
	}
	if b.URL("topology.js") != "" || b.URL("weir.js.map") != "" {
		t.Error("what is not there, or is not for users, has an address")
	}
	plain := get(t, b, b.URL("weir.js"), "")
	if plain.Body.String() != long || plain.Header().Get("Content-Encoding") != "" {
		t.Error("without Accept-Encoding the bundle is not served as it is")
	}
	packed := get(t, b, b.URL("weir.js"), "br, gzip")
	r, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if unpacked, err := io.ReadAll(r); err != nil || string(unpacked) != long {
		t.Errorf("compressed bundle reads %d bytes, %v; want %d", len(unpacked), err, len(long))
	}
	for _, address := range []string{"/assets/0000000000000000/weir.js", "/assets/weir.js", b.URL("weir.js") + "/x", "/assets/"} {
		if code := get(t, b, address, "").Code; code != http.StatusNotFound || b.Has(address) {
			t.Errorf("GET %s answers %d", address, code)
		}
	}
	if !b.Has(b.URL("weir.js")) {
		t.Error("an asset's own address is not its address")
	}
}

func TestMissingBundle(t *testing.T) {
	b, err := load(fstest.MapFS{"styles/index.css": {Data: []byte("@layer base;")}, "dist/.gitignore": {Data: []byte("*")}})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.URL("weir.js"); got != "" {
		t.Errorf("a missing bundle has the address %q", got)
	}
}

func get(t *testing.T, b *Bundle, address, encoding string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if encoding != "" {
		r.Header.Set("Accept-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}
