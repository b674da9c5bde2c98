package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/ui/i18n"
	"github.com/weirmesh/weir/ui/page"
)

// The cookies in which a browser keeps what its reader chose. They hold nothing secret.
const (
	languageCookie = "weir_lang"
	themeCookie    = "weir_theme"
	meshCookie     = "weir_mesh"
	year           = 365 * 24 * 60 * 60
)

// themes are those that can be chosen; "system" forgets the choice.
func themes() []string { return page.Themes() }

// preferred takes ?lang= and ?theme= out of an address, remembers them and leads to the address without them, so that
// a link that is passed on does not carry its sender's taste. What is posted goes on and is answered as chosen.
func (w *Web) preferred(c *gin.Context) {
	query := c.Request.URL.Query()
	lang, theme := query.Get("lang"), query.Get("theme")
	if lang == "" && theme == "" {
		return
	}
	if slices.Contains(i18n.Languages(), i18n.Language(lang)) {
		remember(c, languageCookie, lang)
	}
	if slices.Contains(themes(), theme) {
		remember(c, themeCookie, theme)
	}
	if c.Request.Method != http.MethodGet {
		return
	}
	query.Del("lang")
	query.Del("theme")
	to := url.URL{Path: c.Request.URL.Path, RawPath: c.Request.URL.RawPath, RawQuery: query.Encode()}
	c.Redirect(http.StatusSeeOther, "/"+trimSlashes(to.String()))
	c.Abort()
}

// trimSlashes keeps "//elsewhere" from being read as another host.
func trimSlashes(address string) string {
	for address != "" && (address[0] == '/' || address[0] == '\\') {
		address = address[1:]
	}
	return address
}

func remember(c *gin.Context, name, value string) {
	http.SetCookie(c.Writer, &http.Cookie{
		Name: name, Value: url.QueryEscape(value), Path: "/", MaxAge: year, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	c.Set(name, value) // for this answer already
}

func remembered(c *gin.Context, name string) string {
	if chosen := c.GetString(name); chosen != "" {
		return chosen
	}
	cookie, err := c.Request.Cookie(name)
	if err != nil {
		return ""
	}
	value, err := url.QueryUnescape(cookie.Value)
	if err != nil {
		return ""
	}
	return value
}

func (w *Web) locale(c *gin.Context) i18n.Locale {
	if lang := i18n.Language(remembered(c, languageCookie)); slices.Contains(i18n.Languages(), lang) {
		return w.texts.Locale(lang)
	}
	return w.texts.Locale(i18n.Choose(c.GetHeader("Accept-Language")))
}

func theme(c *gin.Context) string {
	if chosen := remembered(c, themeCookie); chosen != "system" && slices.Contains(themes(), chosen) {
		return chosen
	}
	return ""
}
