package web

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// How long a part of a page is given to those who ask for the same, and how many are kept: pages ask once a second.
const (
	partLasts = time.Second
	partsKept = 32
)

// partKey is where a part that is being drawn is to be kept.
const partKey = "weir_part"

// parts keeps what was drawn lately of pages about a whole mesh, so that two hundred viewers cost little more than one.
type parts struct {
	mu   sync.Mutex
	list []part // oldest first
}

type part struct {
	key  string
	made time.Time
	body []byte
}

// shared is a handler whose fragments are the same for all who look at one mesh in one language and theme: nothing in
// them is about the person.
func (w *Web) shared(h handler) handler {
	return func(c *gin.Context) error {
		if c.Query("fragment") == "" || c.Request.Method != http.MethodGet {
			return h(c)
		}
		key := w.partOf(c)
		if body, ok := w.parts.find(key, w.Now()); ok {
			w.send(c, http.StatusOK, body)
			return nil
		}
		c.Set(partKey, part{key: key, made: w.Now()})
		return h(c)
	}
}

// partOf names all that a part's markup depends on besides the time: what is asked for, of which mesh, its picture and its
// configuration, and the reader's language, theme and permission.
func (w *Web) partOf(c *gin.Context) string {
	s := w.frame(c, "", "")
	g, _ := w.Graphs.Graph(s.Mesh)
	current, _ := w.Meshes.Mesh(s.Mesh) // a mesh that is not there has no parts
	asked := fmt.Sprintf("%q %q %q %q", c.Request.URL.Path, c.Request.URL.RawQuery, s.Mesh, s.Meshes)
	reader := fmt.Sprintf("%q %q %q", s.L.Lang, s.Theme, s.Refusal)
	return fmt.Sprintf("%s %s %d %d", asked, reader, g.At.UnixNano(), current.Revision)
}

func (p *parts) find(key string, now time.Time) ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = slices.DeleteFunc(p.list, func(each part) bool { return now.Sub(each.made) >= partLasts || each.made.After(now) })
	i := slices.IndexFunc(p.list, func(each part) bool { return each.key == key })
	if i < 0 {
		return nil, false
	}
	return p.list[i].body, true
}

// keep keeps what was drawn for an answer, if others may be given the same.
func (p *parts) keep(c *gin.Context, status int, body []byte) {
	made, ok := c.Get(partKey)
	each, is := made.(part)
	if !ok || !is || status != http.StatusOK {
		return
	}
	each.body = body
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(slices.DeleteFunc(p.list, func(k part) bool { return k.key == each.key }), each)
	if len(p.list) > partsKept {
		p.list = slices.Delete(p.list, 0, 1)
	}
}
