package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/weirmesh/weir/server/chaos"
	"github.com/weirmesh/weir/server/provider/xds/xdstest"
)

// evil is what somebody may call things to harm whoever looks at them. None is more than one word of HTML.
var evil = []string{
	"<img src=x onerror=alert(1)>", "\u202eevil", strings.Repeat("n", 10_000), "a\x00b", "../../etc/passwd", "a\r\nX-Evil: 1", `"';--`, "\xff\xfe",
}

// entrance is a way for a name into Weir; it says what came of it. A status below 300 means that it was taken.
type entrance struct {
	way  string
	send func(t *testing.T, at, name string) (status int, body string)
}

// posted sends JSON, which is YAML too, to the API.
func posted(t *testing.T, method, address, kind string, body any) (status int, answer string) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("X-Evil") != "" {
		t.Errorf("%s: the answer has a header of the client's making", address)
	}
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(read)
}

// ways lists the ways in over HTTP.
func ways() []entrance {
	apply := func(document func(name string) map[string]any) func(t *testing.T, at, name string) (int, string) {
		return func(t *testing.T, at, name string) (int, string) {
			return posted(t, http.MethodPost, at+"/api/v1/apply", "application/yaml", document(name))
		}
	}
	node := func(name string) map[string]any { return map[string]any{"name": name} }
	weights := func(query string) func(t *testing.T, at, name string) (int, string) {
		return func(t *testing.T, at, name string) (int, string) {
			return posted(t, http.MethodPut, at+"/api/v1/meshes/bookshop/routers/reviews/routes/primary/weights?"+query+"="+url.QueryEscape(name),
				"application/json", map[string]any{"weights": map[string]int{"reviews-v1": 50, "reviews-v2": 50}})
		}
	}
	return []entrance{
		{"mesh in a file", apply(func(name string) map[string]any { return map[string]any{"mesh": name, "nodes": []any{node("a")}} })},
		{"node in a file", apply(func(name string) map[string]any {
			return map[string]any{"mesh": "bookshop", "nodes": []any{node(name)}}
		})},
		{"service in a file", apply(func(name string) map[string]any {
			return map[string]any{"mesh": "bookshop", "services": []any{map[string]any{"name": name, "node": "front"}}}
		})},
		{"field in a file", apply(func(name string) map[string]any { return map[string]any{"mesh": "bookshop", name: 1} })},
		{"path in a match", apply(func(name string) map[string]any {
			return map[string]any{"mesh": "bookshop", "routes": []any{map[string]any{
				"router": "reviews", "name": "evil", "protocol": "http", "match": map[string]any{"prefix": "/" + name}, "targets": []any{map[string]any{"node": "reviews-v1", "weight": 1}},
			}}}
		})},
		{"mesh in an address", func(t *testing.T, at, name string) (int, string) {
			return posted(t, http.MethodGet, at+"/api/v1/meshes/"+url.PathEscape(name)+"/nodes/a", "application/json", nil)
		}},
		{"object by request", func(t *testing.T, at, name string) (int, string) {
			return posted(t, http.MethodPut, at+"/api/v1/meshes/bookshop/nodes/"+url.PathEscape(name), "application/json", node(name))
		}},
		{"reason", weights("reason")},
		{"override", weights("override")},
		{"deadline", weights("confirmWithin")},
		{"rollout", func(t *testing.T, at, name string) (int, string) {
			return posted(t, http.MethodPost, at+"/api/v1/meshes/bookshop/canaries", "application/json", map[string]any{"route": name, "target": name, "steps": name})
		}},
		{"question", func(t *testing.T, at, name string) (int, string) {
			return posted(t, http.MethodGet, at+"/api/v1/prometheus/api/v1/query?query="+url.QueryEscape(name), "application/json", nil)
		}},
		{"author", asAuthor},
	}
}

// asAuthor writes a request by hand, since Go's client refuses such headers.
func asAuthor(t *testing.T, at, name string) (status int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(at, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // fails only when it is closed
	const said = `{"weights":{"reviews-v1":50,"reviews-v2":50}}`
	fmt.Fprintf(conn, "PUT /api/v1/meshes/bookshop/routers/reviews/routes/primary/weights?dryRun=true HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nConnection: close\r\nX-Weir-Author: %s\r\nContent-Length: %d\r\n\r\n%s",
		strings.TrimPrefix(at, "http://"), name, len(said), said)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// TestFaultMaliciousNames gives things names that harm, in every way there is: each is refused with one clear line, or taken and
// shown as what it is on every page that links lead to.
func TestFaultMaliciousNames(t *testing.T) {
	s, _ := run(t, quiet(t))
	document := map[string]any{}
	if status, body := posted(t, http.MethodPost, s.URL()+"/api/v1/apply", "application/yaml", document); status < 400 {
		t.Fatalf("an empty file is taken: %s", body)
	}
	resp, err := http.Post(s.URL()+"/api/v1/apply", "application/yaml", strings.NewReader(bookshop))
	if err != nil || resp.StatusCode >= 300 {
		t.Fatal(err, resp)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	refused, taken := 0, 0
	for _, way := range ways() {
		for _, name := range evil {
			status, body := way.send(t, s.URL(), name)
			where := fmt.Sprintf("%s %.40q: %d %.300q", way.way, name, status, body)
			switch {
			case status >= 500:
				t.Error(where)
			case status >= 400:
				refused++
				oneLine(t, where, body)
			default:
				taken++
			}
		}
	}
	for i, name := range evil {
		metadata, err := structpb.NewStruct(map[string]any{"weir": map[string]any{"address": strings.ToValidUTF8(name, "?")}})
		if err != nil {
			t.Fatal(err)
		}
		for _, node := range []*corev3.Node{
			{Id: strings.ToValidUTF8("mesh/bookshop/virtualNode/"+name, "?")},
			{Id: fmt.Sprintf("mesh/bookshop/virtualNode/front/%d", i), Metadata: metadata},
		} {
			e := xdstest.Start(t, xdstest.Options{Addr: s.XDSAddr(), Node: node})
			e.Wait("the refusal", func() bool { return e.Err() != nil })
			refused++
		}
	}
	agent := &corev3.Node{Id: "mesh/bookshop/virtualNode/front/agent", UserAgentName: evil[0], UserAgentVersionType: &corev3.Node_UserAgentVersion{UserAgentVersion: evil[1]}}
	xdstest.Start(t, xdstest.Options{Addr: s.XDSAddr(), Node: agent})
	eventually(t, "the proxy with the odd version is listed", func() bool { return proxyOf(s, "front-agent") })
	pages := crawl(t, s.URL())
	if pages < 20 || taken == 0 {
		t.Errorf("%d pages were seen, %d names taken", pages, taken)
	}
	chaos.Figure(t, "malicious names", "refused in one line, or escaped on every page", "%d refused, %d taken, %d pages seen", refused, taken, pages)
}

func proxyOf(s *Server, id string) bool {
	for _, p := range s.xds.Proxies("bookshop") {
		if p.ID == id {
			return true
		}
	}
	return false
}

// oneLine checks that a refusal is for a person.
func oneLine(t *testing.T, where, body string) {
	t.Helper()
	var problem struct{ Detail, Error string }
	if err := json.Unmarshal([]byte(body), &problem); err != nil {
		if strings.Contains(body, "400 Bad Request") { // of net/http itself, before there is a request
			return
		}
		t.Errorf("%s: not JSON", where)
		return
	}
	words := problem.Detail + problem.Error
	if words == "" || len(words) > 2000 || strings.ContainsAny(words, "\r\n\x00\u202e") {
		t.Errorf("%s: not one clear line", where)
	}
}

var linked = regexp.MustCompile(`(?:href|action)="(/[^"#]*)`)

// crawl looks at every page that links lead to, and gives how many there are.
func crawl(t *testing.T, at string) int {
	t.Helper()
	queue, seen := []string{"/", "/proxies", "/changes", "/events"}, map[string]bool{}
	for len(queue) > 0 && len(seen) < 150 {
		path := queue[0]
		queue = queue[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		resp, body := raw(t, http.MethodGet, at+path)
		if resp.StatusCode >= 500 || resp.Header.Get("X-Evil") != "" {
			t.Errorf("%.200s: %s", path, resp.Status)
		}
		if strings.Contains(strings.ToLower(body), "<img src=x") || strings.ContainsRune(body, 0) {
			t.Errorf("%.200s shows a name as it came", path)
		}
		for _, found := range linked.FindAllStringSubmatch(body, -1) {
			next := strings.ReplaceAll(found[1], "&amp;", "&")
			if bare, _, _ := strings.Cut(next, "?"); !strings.HasPrefix(next, "/assets") && !seen[next] && (!seen[bare] || bare == path) {
				queue = append(queue, next)
			}
		}
	}
	return len(seen)
}
