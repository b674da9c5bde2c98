package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
)

// worthZipping is the size from which a page is compressed, in bytes: below it the frame costs what is saved.
const worthZipping = 1 << 10

// zippers are compressors that rest between answers: each holds some hundred kilobytes.
type zippers struct{ pool sync.Pool }

func newZippers() *zippers {
	return &zippers{sync.Pool{New: func() any {
		// The fastest level makes a page a fifth of what it was; the best makes it a seventh for four times the CPU.
		z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
		return z
	}}}
}

// zip compresses a page.
func (z *zippers) zip(body []byte) []byte {
	w, ok := z.pool.Get().(*gzip.Writer)
	if !ok {
		return nil
	}
	defer z.pool.Put(w)
	var small bytes.Buffer
	w.Reset(&small)
	if _, err := w.Write(body); err != nil {
		return nil
	}
	if w.Close() != nil {
		return nil
	}
	return small.Bytes()
}

// send answers with a page or a part of one: compressed for those who take that, and without a body for those who have it
// already and say so. Compressing what was asked beside what is secret tells of the secret by its length; pages hold no
// secret (no token of forms, no credential), and one that would has to be left out here.
func (w *Web) send(c *gin.Context, status int, body []byte) {
	h := c.Writer.Header()
	h.Add("Vary", "Accept-Encoding")
	if status == http.StatusOK && c.Query("fragment") != "" && c.Request.Method != http.MethodPost {
		tag := tagOf(body)
		h.Set("ETag", tag)
		if c.GetHeader("If-None-Match") == tag {
			c.Status(http.StatusNotModified)
			c.Writer.WriteHeaderNow()
			return
		}
	}
	if len(body) >= worthZipping && takesGzip(c.GetHeader("Accept-Encoding")) {
		if small := w.zippers.zip(body); small != nil {
			h.Set("Content-Encoding", "gzip")
			body = small
		}
	}
	c.Data(status, "text/html; charset=utf-8", body)
}

// tagOf names what a page says: another language, mesh or number is another tag. It is weak, since the same page may come
// compressed or not.
func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// takesGzip reads Accept-Encoding. A browser says "gzip, deflate, br"; whoever says "gzip;q=0" does not take it.
func takesGzip(accept string) bool {
	for each := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(each, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q := strings.TrimRight(strings.ReplaceAll(params, " ", ""), "0")
			return q != "q=" && q != "q=0."
		}
	}
	return false
}
