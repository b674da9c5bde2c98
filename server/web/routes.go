package web

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/assets"
	"github.com/weirmesh/weir/server/mesh"
)

// handler fills a page, or says why it could not.
type handler func(*gin.Context) error

// route is an address. One without a need does not compile.
type route struct {
	method, path string
	need         need
	handle       handler
}

// routes is every address of the console. What changes something is a POST; every GET can be repeated.
func (w *Web) routes() []route {
	return append(slices.Concat(w.configRoutes(), w.canaryRoutes(), w.proposalRoutes(), w.admissionRoutes()), []route{
		{http.MethodGet, "/", see, w.shared(w.overview)},
		{http.MethodGet, "/topology", see, w.topology},
		{http.MethodGet, "/topology/edges.csv", see, w.edgesCSV},
		{http.MethodPost, "/topology/views", see, w.saveLook},
		{http.MethodGet, "/tv", see, w.tv},

		{http.MethodGet, "/services", see, w.shared(w.services)},
		{http.MethodGet, "/services/:name", see, w.service},
		{http.MethodGet, "/services/:name/traffic", see, w.service},
		{http.MethodPost, "/services/:name/traffic", steer, w.reviewTraffic},
		{http.MethodGet, "/services/:name/traffic/apply", see, w.reviewAgain},
		{http.MethodPost, "/services/:name/traffic/draft", steer, w.saveDraft},
		{http.MethodGet, "/services/:name/traffic/draft", see, w.backToForm},
		{http.MethodPost, "/services/:name/traffic/apply", steer, w.once(w.applyTraffic)},
		{http.MethodGet, "/services/:name/pool", see, w.service},
		{http.MethodPost, "/services/:name/pool", steer, w.reviewPool},
		{http.MethodGet, "/services/:name/pool/apply", see, w.reviewAgain},
		{http.MethodPost, "/services/:name/pool/draft", steer, w.saveDraft},
		{http.MethodGet, "/services/:name/pool/draft", see, w.backToForm},
		{http.MethodPost, "/services/:name/pool/apply", steer, w.once(w.applyPool)},
		{http.MethodGet, "/services/:name/events", see, w.service},
		{http.MethodGet, "/services/:name/proxies", see, w.service},
		{http.MethodGet, "/services/:name/config", see, w.service},
		{http.MethodGet, "/services/:name/health", see, w.service},
		{http.MethodPost, "/services/:name/health", steer, w.reviewHealth},
		{http.MethodGet, "/services/:name/health/apply", see, w.reviewAgain},
		{http.MethodPost, "/services/:name/health/draft", steer, w.saveDraft},
		{http.MethodGet, "/services/:name/health/draft", see, w.backToForm},
		{http.MethodPost, "/services/:name/health/apply", steer, w.once(w.applyHealth)},

		{http.MethodGet, "/proxies", see, w.proxies},
		{http.MethodGet, "/proxies/:id", see, w.proxy},

		{http.MethodGet, "/events", see, w.events},
		{http.MethodGet, "/history", see, w.history},
		{http.MethodGet, changePath, seeEntry, w.change},
		{http.MethodPost, changePath, steerEntry, w.settle},
		{http.MethodGet, waitingPath, see, w.waitingNotice},
		{http.MethodGet, "/history/:id/undo", seeEntry, w.undoChoice},
		{http.MethodPost, "/history/:id/undo", steerEntry, w.undoFields},

		{http.MethodGet, "/compare", see, w.compare},
		{http.MethodGet, "/sources", seeEvery, w.sources},
		{http.MethodGet, "/settings", see, w.settings},
		{http.MethodPost, "/settings", steer, w.reviewSettings},
		{http.MethodGet, "/settings/apply", see, w.reviewAgain},
		{http.MethodPost, "/settings/draft", steer, w.saveDraft},
		{http.MethodGet, "/settings/draft", see, w.backToForm},
		{http.MethodPost, "/settings/apply", steer, w.once(w.applySettings)},

		{http.MethodGet, "/go", see, w.find},

		{http.MethodGet, "/favicon.ico", free, w.favicon},
		{http.MethodGet, assets.Prefix + "*file", free, w.asset},
	}...)
}

// canaryRoutes are the addresses of rollouts.
func (w *Web) canaryRoutes() []route {
	return []route{
		{http.MethodGet, "/canaries", see, w.canaries},
		{http.MethodGet, "/canaries/new", see, w.newRollout},
		{http.MethodPost, "/canaries/new", steer, w.startRollout(false)},
		{http.MethodGet, "/canaries/new/apply", see, w.backToRollout},
		{http.MethodPost, "/canaries/new/apply", steer, w.startRollout(true)},
		{http.MethodGet, "/canaries/:id", seeRollout, w.rollout},
		{http.MethodPost, "/canaries/:id", steerRollout, w.steer},
	}
}

// configRoutes are the addresses of what is configured, kind by kind: routes have two names, others one.
func (w *Web) configRoutes() []route {
	list := []route{
		{http.MethodGet, "/config", see, w.config},
		{http.MethodGet, "/config/mesh.yaml", see, w.meshFile},
		{http.MethodGet, "/config/new", see, w.newObject},
		{http.MethodPost, "/config/new", steer, w.withDefinition(creating, w.review)},
		{http.MethodGet, "/config/new/apply", see, w.backToForm},
		{http.MethodPost, "/config/new/apply", steer, w.withDefinition(creating, w.apply)},
		{http.MethodGet, "/config/apply", see, w.applyFile},
		{http.MethodPost, "/config/apply", steerSome, w.withDefinition(fromFile, w.review)},
		{http.MethodGet, "/config/apply/apply", see, w.backToForm},
		{http.MethodPost, "/config/apply/apply", steerSome, w.withDefinition(fromFile, w.apply)},
	}
	for _, kind := range mesh.Kinds() {
		path := "/config/" + string(kind) + "/:name"
		if kind == mesh.KindRoute || kind == mesh.KindGatewayRoute {
			path = "/config/" + string(kind) + "/:parent/:name"
		}
		list = append(list, []route{
			{http.MethodGet, path, see, w.object(kind)},
			{http.MethodGet, path + "/edit", see, w.editObject(kind)},
			{http.MethodPost, path + "/edit", steer, w.withDefinition(editingOf(kind), w.review)},
			{http.MethodGet, path + "/edit/apply", see, w.backToForm},
			{http.MethodPost, path + "/edit/apply", steer, w.withDefinition(editingOf(kind), w.apply)},
			{http.MethodPost, path + "/edit/draft", steer, w.saveDraft},
			{http.MethodGet, path + "/delete", see, w.backToObject(kind)},
			{http.MethodPost, path + "/delete", steer, w.deleteObject(kind, w.review)},
			{http.MethodGet, path + "/delete/apply", see, w.backToObject(kind)},
			{http.MethodPost, path + "/delete/apply", steer, w.deleteObject(kind, w.apply)},
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
