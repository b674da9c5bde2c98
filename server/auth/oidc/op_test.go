package oidc_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/crypto"
	zitadel "github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"go.uber.org/goleak"

	"github.com/weirmesh/weir/server/auth/oidc"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // the provider logs each request
	goleak.VerifyTestMain(m)
}

const (
	clientID = "weir"
	secret   = "of-the-client"
	public   = "https://weir.example.com"
	password = "verysecure"
)

// provider is zitadel's example server with people and groups of ours. What it says can be changed on the way: signed with
// its own key, as only a provider can.
type provider struct {
	*storage.Storage
	issuer string
	groups map[string][]string

	mu      sync.Mutex
	away    bool                                // connections break
	broken  map[string]int                      // paths that answer with a status
	says    func(doc map[string]any)            // changes the discovery document
	claims  func(claims map[string]any)         // changes ID tokens
	answer  func(answer map[string]any)         // changes the token endpoint's answers
	info    func(claims map[string]any)         // changes userinfo
	heard   func(form func(name string) string) // is told of requests to the token endpoint
	inToken bool                                // profile and groups are in the ID token
	asked   map[string]int                      // requests by path
}

// client is what the provider knows of Weir.
type client struct {
	op.Client
	p *provider
}

func (c client) PostLogoutRedirectURIs() []string { return []string{public + oidc.SignInPath} }

func (c client) IsScopeAllowed(scope string) bool { return scope == "groups" }

func (c client) IDTokenUserinfoClaimsAssertion() bool {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	return c.p.inToken
}

func (p *provider) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := p.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{c, p}, nil
}

func (p *provider) SetUserinfoFromRequest(ctx context.Context, info *zitadel.UserInfo, token op.IDTokenRequest, scopes []string) error {
	if err := p.Storage.SetUserinfoFromRequest(ctx, info, token, scopes); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if groups, ok := p.groups[token.GetSubject()]; ok && p.inToken && slices.Contains(scopes, "groups") {
		info.AppendClaims("groups", groups)
	}
	return nil
}

func (p *provider) SetUserinfoFromToken(ctx context.Context, info *zitadel.UserInfo, tokenID, subject, origin string) error {
	if err := p.Storage.SetUserinfoFromToken(ctx, info, tokenID, subject, origin); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if groups, ok := p.groups[subject]; ok {
		info.AppendClaims("groups", groups)
	}
	if p.info != nil {
		extra := map[string]any{}
		p.info(extra)
		if subject, ok := extra["sub"].(string); ok {
			info.Subject = subject
		}
		delete(extra, "sub")
		for name, value := range extra {
			info.AppendClaims(name, value)
		}
	}
	return nil
}

// staff are the people that the provider knows.
type staff map[string]*storage.User

func (s staff) GetUserByID(id string) *storage.User { return s[id] }

func (s staff) GetUserByUsername(name string) *storage.User { return s["id-"+name] }

func (s staff) ExampleClientID() string { return storage.ServiceUserID }

func newStorage() *storage.Storage {
	users := staff{}
	for _, name := range []string{"ada", "grace", "eve"} {
		users["id-"+name] = &storage.User{ID: "id-" + name, Username: name, Password: password, FirstName: name, Email: name + "@example.com", EmailVerified: true}
	}
	return storage.NewStorageWithClients(users, map[string]*storage.Client{
		clientID: storage.WebClient(clientID, secret, public+oidc.CallbackPath),
	})
}

// shared is one of them: making its key takes longer than the tests that use it.
var shared = sync.OnceValue(newStorage)

func newProvider(t testing.TB, state *storage.Storage) *provider {
	t.Helper()
	p := &provider{
		Storage: state, asked: map[string]int{}, broken: map[string]int{}, inToken: true,
		groups: map[string][]string{"id-ada": {"weir-admins", "staff"}, "id-grace": {"shop-team"}, "id-eve": {"staff", "visitors", "lunch"}},
	}
	server := httptest.NewUnstartedServer(nil)
	p.issuer = "http://" + server.Listener.Addr().String()
	server.Config.Handler = p.middle(exampleop.SetupServer(p.issuer, p, nil, false))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	return p
}

// set changes how the provider is from now on.
func (p *provider) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *provider) count(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// middle stands between the world and the provider, for its faults.
func (p *provider) middle(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked[r.URL.Path]++
		away, status, says, answer, claims, heard := p.away, p.broken[r.URL.Path], p.says, p.answer, p.claims, p.heard
		p.mu.Unlock()
		if heard != nil && r.URL.Path == "/oauth/token" {
			heard(r.PostFormValue)
		}
		switch {
		case away:
			panic(http.ErrAbortHandler)
		case status != 0:
			w.WriteHeader(status)
		case r.URL.Path == "/.well-known/openid-configuration" && says != nil:
			rewrite(w, r, next, says)
		case r.URL.Path == "/oauth/token" && claims != nil:
			rewrite(w, r, next, func(answer map[string]any) { p.resign(answer, claims) })
		case r.URL.Path == "/oauth/token" && answer != nil:
			rewrite(w, r, next, answer)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// rewrite changes an answer in JSON; what is none stays as it is.
func rewrite(w http.ResponseWriter, r *http.Request, next http.Handler, change func(map[string]any)) {
	got := httptest.NewRecorder()
	next.ServeHTTP(got, r)
	body := got.Body.Bytes()
	var answer map[string]any
	if json.Unmarshal(body, &answer) == nil && got.Code == http.StatusOK {
		change(answer)
		body, _ = json.Marshal(answer)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(got.Code)
	_, _ = io.Copy(w, bytes.NewReader(body))
}

// resign changes the claims of an answer's ID token and signs them with the provider's key.
func (p *provider) resign(answer map[string]any, change func(map[string]any)) {
	parts := strings.Split(answer["id_token"].(string), ".")
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		panic(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(data, &claims); err != nil {
		panic(err)
	}
	change(claims)
	key, err := p.SigningKey(context.Background())
	if err != nil {
		panic(err)
	}
	signer, err := op.SignerFromKey(key)
	if err != nil {
		panic(err)
	}
	if answer["id_token"], err = crypto.Sign(claims, signer); err != nil {
		panic(err)
	}
}

// secretFile holds a client's secret.
func secretFile(t testing.TB, text string) string {
	t.Helper()
	name := t.TempDir() + "/secret"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// unsigned gives a token the algorithm none.
func unsigned(token string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + strings.Split(token, ".")[1] + "."
}
