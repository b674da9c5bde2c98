// Package assets is what the browser downloads: styles and icons from source, and the bundled islands of dist, each at
// an address that contains a hash of its content, so that a browser may keep it for ever.
//
// Styles need no build. A binary that was built without the bundle serves every page without islands.
package assets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed all:dist styles/*.css icons/*.svg
var embedded embed.FS

// Prefix is where Bundle expects to be served.
const Prefix = "/assets/"

// Bundle is everything there is to download, hashed and compressed once.
type Bundle struct {
	files map[string]file // by name
}

type file struct {
	url        string
	mediaType  string
	body, gzip []byte
}

// Load reads what is embedded. The names are weir.css (every style sheet, index.css with the order of the layers
// first), the icons, and whatever bundles dist holds.
func Load() (*Bundle, error) { return load(embedded) }

func load(source fs.FS) (*Bundle, error) {
	b := &Bundle{files: make(map[string]file)}
	style, err := styles(source)
	if err != nil {
		return nil, err
	}
	if err := b.add("weir.css", style); err != nil {
		return nil, err
	}
	for _, pattern := range []string{"icons/*.svg", "dist/*.js"} {
		names, err := fs.Glob(source, pattern)
		if err != nil {
			return nil, fmt.Errorf("list assets %s: %w", pattern, err)
		}
		for _, name := range names {
			body, err := fs.ReadFile(source, name)
			if err != nil {
				return nil, fmt.Errorf("read asset: %w", err)
			}
			if err := b.add(path.Base(name), body); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

// styles joins the style sheets. Layers decide what wins, so only the file that names them has to be first.
func styles(source fs.FS) ([]byte, error) {
	names, err := fs.Glob(source, "styles/*.css")
	if err != nil {
		return nil, fmt.Errorf("list styles: %w", err)
	}
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case path.Base(a) == "index.css":
			return -1
		case path.Base(b) == "index.css":
			return 1
		}
		return strings.Compare(a, b)
	})
	var all bytes.Buffer
	for _, name := range names {
		body, err := fs.ReadFile(source, name)
		if err != nil {
			return nil, fmt.Errorf("read style: %w", err)
		}
		all.Write(body)
	}
	return all.Bytes(), nil
}

func (b *Bundle) add(name string, body []byte) error {
	hash := sha256.Sum256(body)
	f := file{url: Prefix + hex.EncodeToString(hash[:8]) + "/" + name, mediaType: mediaType(name), body: body}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("compress %s: %w", name, err)
	}
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("compress %s: %w", name, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("compress %s: %w", name, err)
	}
	if packed.Len() < len(body) {
		f.gzip = packed.Bytes()
	}
	b.files[name] = f
	return nil
}

func mediaType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}

// URL is the address of an asset, or "" when this binary was built without it.
func (b *Bundle) URL(name string) string { return b.files[name].url }

// Has says whether path is the address of an asset.
func (b *Bundle) Has(address string) bool {
	f, ok := b.files[path.Base(address)]
	return ok && f.url == address
}

// ServeHTTP answers GET and HEAD for the addresses that URL gives, and 404 for any other: an old hash is not answered
// with new content.
func (b *Bundle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := b.files[path.Base(r.URL.Path)]
	if !ok || f.url != r.URL.Path {
		http.NotFound(w, r)
		return
	}
	body := f.body
	h := w.Header()
	if f.gzip != nil {
		h.Add("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = f.gzip
		}
	}
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", f.mediaType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the browser went away; there is nobody to tell
	}
}
