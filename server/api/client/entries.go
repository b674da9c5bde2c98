package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// Extend gives a change that waits for its confirmation more time.
func (c *Client) Extend(ctx context.Context, id string, within time.Duration, ask Ask) (Answer, error) {
	path := "/api/v1/changes/" + url.PathEscape(id) + "/extend"
	return c.change(ctx, http.MethodPost, path, ask, map[string]any{"within": within.String()})
}

// UndoFields takes back of a change what is named by object ("route/reviews/primary") and field, of objects that others
// touched since.
func (c *Client) UndoFields(ctx context.Context, id string, take map[string][]string, ask Ask) (Answer, error) {
	path := "/api/v1/changes/" + url.PathEscape(id) + "/undo"
	return c.change(ctx, http.MethodPost, path, ask, map[string]any{"take": take})
}

// Verification is what became of verifying the ledger, mesh by mesh.
type Verification struct {
	OK     bool                  `json:"ok"`
	Meshes []change.Verification `json:"meshes"`
}

// Verify checks that nobody altered the ledger; an empty meshName is every mesh, deleted ones too.
func (c *Client) Verify(ctx context.Context, meshName string) (raw json.RawMessage, v Verification, err error) {
	return answered[Verification](ctx, c, getting("/api/v1/changes/verify", query("mesh", meshName)), "a verification")
}

// Export writes the ledger as JSON lines, oldest first. It takes as long as it takes: only ctx ends it.
func (c *Client) Export(ctx context.Context, meshName, since string, into io.Writer) error {
	target, err := url.Parse(c.base.String() + "/api/v1/changes/export")
	if err != nil {
		return mesh.Errorf(mesh.Invalid, "address: %w", err)
	}
	target.RawQuery = query("mesh", meshName, "since", since).Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return mesh.Errorf(mesh.Invalid, "address: %w", err)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.unreachable(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		if err != nil {
			return c.unreachable(ctx, err)
		}
		return c.problem(response.StatusCode, data)
	}
	last := &tail{to: into}
	if _, err := io.Copy(last, response.Body); err != nil {
		return mesh.Errorf(mesh.Unavailable, "the export broke off: %w: ask for what is missing with --since", err)
	}
	if last.any && last.byte != '\n' {
		return mesh.Errorf(mesh.Unavailable, "the export broke off within a line: ask for what is missing with --since")
	}
	return nil
}

// tail passes on what is written and remembers how it ended.
type tail struct {
	to   io.Writer
	any  bool
	byte byte
}

// Write passes on.
func (t *tail) Write(p []byte) (int, error) {
	if len(p) > 0 {
		t.any, t.byte = true, p[len(p)-1]
	}
	return t.to.Write(p)
}
