package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/assets"
	"github.com/weirmesh/weir/server/mesh"
)

// handler fills a page, or says why it could not.
type handler func(*gin.Context) error

type route struct {
	method, path string
	handle       handler
}

// routes is every address of the console. What changes something is a POST; every GET can be repeated.
func (w *Web) routes() []route {
	return append(append(w.configRoutes(), w.canaryRoutes()...), []route{
		{http.MethodGet, "/", w.shared(w.overview)},
		{http.MethodGet, "/topology", w.topology},
		{http.MethodGet, "/topology/edges.csv", w.edgesCSV},
		{http.MethodPost, "/topology/views", w.saveLook},
		{http.MethodGet, "/tv", w.tv},

		{http.MethodGet, "/services", w.shared(w.services)},
		{http.MethodGet, "/services/:name", w.service},
		{http.MethodGet, "/services/:name/traffic", w.service},
		{http.MethodPost, "/services/:name/traffic", w.reviewTraffic},
		{http.MethodGet, "/services/:name/traffic/apply", w.reviewAgain},
		{http.MethodPost, "/services/:name/traffic/draft", w.saveDraft},
		{http.MethodGet, "/services/:name/traffic/draft", w.backToForm},
		{http.MethodPost, "/services/:name/traffic/apply", w.once(w.applyTraffic)},
		{http.MethodGet, "/services/:name/pool", w.service},
		{http.MethodPost, "/services/:name/pool", w.reviewPool},
		{http.MethodGet, "/services/:name/pool/apply", w.reviewAgain},
		{http.MethodPost, "/services/:name/pool/draft", w.saveDraft},
		{http.MethodGet, "/services/:name/pool/draft", w.backToForm},
		{http.MethodPost, "/services/:name/pool/apply", w.once(w.applyPool)},
		{http.MethodGet, "/services/:name/events", w.service},
		{http.MethodGet, "/services/:name/proxies", w.service},
		{http.MethodGet, "/services/:name/config", w.service},
		{http.MethodGet, "/services/:name/health", w.service},
		{http.MethodPost, "/services/:name/health", w.reviewHealth},
		{http.MethodGet, "/services/:name/health/apply", w.reviewAgain},
		{http.MethodPost, "/services/:name/health/draft", w.saveDraft},
		{http.MethodGet, "/services/:name/health/draft", w.backToForm},
		{http.MethodPost, "/services/:name/health/apply", w.once(w.applyHealth)},

		{http.MethodGet, "/proxies", w.proxies},
		{http.MethodGet, "/proxies/:id", w.proxy},

		{http.MethodGet, "/events", w.events},
		{http.MethodGet, "/history", w.history},
		{http.MethodGet, changePath, w.change},
		{http.MethodPost, changePath, w.settle},
		{http.MethodGet, waitingPath, w.waitingNotice},
		{http.MethodGet, "/history/:id/undo", w.undoChoice},
		{http.MethodPost, "/history/:id/undo", w.undoFields},

		{http.MethodGet, "/compare", w.compare},
		{http.MethodGet, "/sources", w.sources},
		{http.MethodGet, "/settings", w.settings},
		{http.MethodPost, "/settings", w.reviewSettings},
		{http.MethodGet, "/settings/apply", w.reviewAgain},
		{http.MethodPost, "/settings/draft", w.saveDraft},
		{http.MethodGet, "/settings/draft", w.backToForm},
		{http.MethodPost, "/settings/apply", w.once(w.applySettings)},

		{http.MethodGet, "/go", w.find},

		{http.MethodGet, "/favicon.ico", w.favicon},
		{http.MethodGet, assets.Prefix + "*file", w.asset},
	}...)
}

// canaryRoutes are the addresses of rollouts.
func (w *Web) canaryRoutes() []route {
	return []route{
		{http.MethodGet, "/canaries", w.canaries},
		{http.MethodGet, "/canaries/new", w.newRollout},
		{http.MethodPost, "/canaries/new", w.startRollout(false)},
		{http.MethodGet, "/canaries/new/apply", w.backToRollout},
		{http.MethodPost, "/canaries/new/apply", w.startRollout(true)},
		{http.MethodGet, "/canaries/:id", w.rollout},
		{http.MethodPost, "/canaries/:id", w.steer},
	}
}

// configRoutes are the addresses of what is configured, kind by kind: routes have two names, others one.
func (w *Web) configRoutes() []route {
	list := []route{
		{http.MethodGet, "/config", w.config},
		{http.MethodGet, "/config/mesh.yaml", w.meshFile},
		{http.MethodGet, "/config/new", w.newObject},
		{http.MethodPost, "/config/new", w.withDefinition(creating, w.review)},
		{http.MethodGet, "/config/new/apply", w.backToForm},
		{http.MethodPost, "/config/new/apply", w.withDefinition(creating, w.apply)},
		{http.MethodGet, "/config/apply", w.applyFile},
		{http.MethodPost, "/config/apply", w.withDefinition(fromFile, w.review)},
		{http.MethodGet, "/config/apply/apply", w.backToForm},
		{http.MethodPost, "/config/apply/apply", w.withDefinition(fromFile, w.apply)},
	}
	for _, kind := range mesh.Kinds() {
		path := "/config/" + string(kind) + "/:name"
		if kind == mesh.KindRoute || kind == mesh.KindGatewayRoute {
			path = "/config/" + string(kind) + "/:parent/:name"
		}
		list = append(list, []route{
			{http.MethodGet, path, w.object(kind)},
			{http.MethodGet, path + "/edit", w.editObject(kind)},
			{http.MethodPost, path + "/edit", w.withDefinition(editingOf(kind), w.review)},
			{http.MethodGet, path + "/edit/apply", w.backToForm},
			{http.MethodPost, path + "/edit/apply", w.withDefinition(editingOf(kind), w.apply)},
			{http.MethodPost, path + "/edit/draft", w.saveDraft},
			{http.MethodGet, path + "/delete", w.backToObject(kind)},
			{http.MethodPost, path + "/delete", w.deleteObject(kind, w.review)},
			{http.MethodGet, path + "/delete/apply", w.backToObject(kind)},
			{http.MethodPost, path + "/delete/apply", w.deleteObject(kind, w.apply)},
		}...)
	}
	return list
}

func (w *Web) asset(c *gin.Context) error {
	w.assets.ServeHTTP(c.Writer, c.Request)
	return nil
}

func (w *Web) favicon(c *gin.Context) error {
	c.Redirect(http.StatusFound, w.assets.URL("mark.svg"))
	return nil
}
