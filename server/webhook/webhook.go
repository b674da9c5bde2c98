// Package webhook tells other programs what happened: it posts JSON to addresses that people have configured, tries again
// within bounds, follows nobody elsewhere and calls nothing that only this machine or its cloud should reach.
// What is told, and what an answer means, is its callers' business.
package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// SignatureHeader holds "sha256=" and the hexadecimal HMAC-SHA256 of the body under the hook's secret, as receivers of
// GitHub's webhooks know it.
const SignatureHeader = "X-Weir-Signature-256"

// What a hook may ask for at most: whoever lets people configure hooks refuses more.
const (
	MaxTimeout = time.Minute // of one attempt
	MaxRetries = 10          // attempts after the first
)

// What bounds a call.
const (
	defaultTimeout = 10 * time.Second
	firstPause     = 250 * time.Millisecond
	longestPause   = 5 * time.Second
	maxAnswer      = 64 << 10 // bytes of an answer that are read at most
	maxSaid        = 200      // characters of an answer that are repeated in an error
)

// Hook is where to call.
type Hook struct {
	Name    string // for messages
	URL     string
	Timeout time.Duration // of one attempt, the answer's body included; zero: 10 s; up to MaxTimeout
	Retries int           // attempts after the first, up to MaxRetries
	Secret  string        // signs the body; empty: the sender's, if it has one
}

// Payload is what receivers of Flagger's webhooks expect.
type Payload struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Phase     string            `json:"phase"`
	Checksum  string            `json:"checksum"`
	Metadata  map[string]string `json:"metadata,omitempty"`
}

// Options set a Sender up. Zero fields mean the defaults.
type Options struct {
	// Loopback allows addresses of this machine, for demos and tests.
	Loopback bool
	Secret   string // signs what has no secret of its own
	Version  string // Weir's own, for the User-Agent
}

// Sender calls webhooks. It is safe for concurrent use and starts nothing.
type Sender struct {
	client http.Client
	secret string
	agent  string
}

// New makes a Sender.
func New(o Options) *Sender {
	return &Sender{
		secret: o.Secret, agent: "Weir/" + cmp.Or(o.Version, "dev"),
		client: http.Client{
			Transport: transport(o.Loopback),
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // who is called elsewhere was not configured
			},
		},
	}
}

// Send posts the payload as JSON and returns nil when the answer was 2xx. What may be better next time (no connection, no
// answer in time, 408, 429 and 5xx) is tried again after a pause that doubles. The error is a mesh.Error for people:
// Invalid for what no attempt can change, Unavailable for the rest. It never holds the address's query or the secret.
func (s *Sender) Send(ctx context.Context, h Hook, payload any) error {
	body, err := json.Marshal(payload)
	if err != nil {
		return mesh.Errorf(mesh.Internal, "webhook %s: what it should be told cannot be written: %w", h.Name, err)
	}
	pause := firstPause
	for attempt := 0; ; attempt++ {
		again, err := s.once(ctx, h, body)
		if err == nil {
			return nil
		}
		if !again || attempt >= min(h.Retries, MaxRetries) || ctx.Err() != nil {
			return err
		}
		if !wait(ctx, pause/2+rand.N(pause/2)) { //nolint:gosec // spreads attempts, hides nothing
			return err
		}
		pause = min(2*pause, longestPause)
	}
}

// wait waits, or returns false when ctx ends first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// once makes one attempt; again says whether another may end better.
func (s *Sender) once(ctx context.Context, h Hook, body []byte) (again bool, err error) {
	timeout := min(cmp.Or(h.Timeout, defaultTimeout), MaxTimeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil || req.URL.Host == "" || req.URL.Scheme != "http" && req.URL.Scheme != "https" {
		return false, mesh.Errorf(mesh.Invalid, "webhook %s: its address does not begin with http:// or https://", h.Name)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", s.agent)
	if secret := cmp.Or(h.Secret, s.secret); secret != "" {
		req.Header.Set(SignatureHeader, Sign(secret, body))
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return s.failed(ctx, h, timeout, err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return false, nil // what is wrong with the rest of the answer does not matter
	case err != nil:
		return s.failed(ctx, h, timeout, err)
	case code >= 300 && code < 400:
		return false, mesh.Errorf(mesh.Invalid, "webhook %s answered %d and sends callers on, which is not followed: configure the address where it is", h.Name, code)
	default:
		again = code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout
		return again, mesh.Errorf(mesh.Unavailable, "webhook %s answered %s", h.Name, words(code, said))
	}
}

// failed says why there was no answer.
func (s *Sender) failed(ctx context.Context, h Hook, timeout time.Duration, err error) (again bool, said error) {
	if refused, ok := errors.AsType[*refusal](err); ok {
		return false, mesh.Errorf(mesh.Invalid, "webhook %s: %s", h.Name, refused.Error())
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return true, mesh.Errorf(mesh.Unavailable, "webhook %s did not answer in %v", h.Name, timeout)
	}
	var cause interface{ Unwrap() error }
	if errors.As(err, &cause) && cause.Unwrap() != nil {
		err = cause.Unwrap() // the outermost one repeats the address, whose query may be secret
	}
	return true, mesh.Errorf(mesh.Unavailable, "webhook %s could not be called: %w", h.Name, err)
}

// words repeats an answer on one line.
func words(code int, said []byte) string {
	s := strconv.Itoa(code)
	if text := http.StatusText(code); text != "" {
		s += " " + text
	}
	said = bytes.ToValidUTF8(said, nil)
	if line := []rune(strings.Join(strings.Fields(string(said)), " ")); len(line) > 0 {
		if len(line) > maxSaid {
			line = append(line[:maxSaid-1], '…')
		}
		s += ": " + string(line)
	}
	return s
}

// Sign gives a body's signature.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
