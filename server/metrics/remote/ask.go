package remote

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	jsoniter "github.com/json-iterator/go"

	"github.com/weirmesh/weir/server/metrics/query"
)

// refusalLength is how much of an answer that is no success is read.
const refusalLength = 64 << 10

// question is one request to the API.
type question struct {
	path   string
	params url.Values
	get    bool                     // the endpoint takes GET only
	data   func(*jsoniter.Iterator) // may be called again when a question is repeated
}

// reply is what was said around the data.
type reply struct {
	warnings, infos []string
	partial         bool
	took            time.Duration
}

// ask asks one question, within the source's timeout and with at most its number of questions at once, and remembers how
// it went, unless that says nothing about the server.
func (b *Backend) ask(ctx context.Context, q question) (reply, error) {
	limited, cancel := context.WithTimeout(ctx, time.Duration(b.source.Timeout))
	defer cancel()
	select {
	case b.slots <- struct{}{}:
		defer func() { <-b.slots }()
	case <-limited.Done():
		f := failure{fault: query.Timeout, what: fmt.Sprintf("has as many questions to answer as its concurrency (%d) allows: ask less, or raise that", cap(b.slots))}
		if fault, gone := stopped(ctx); gone && fault == query.Canceled {
			f.fault = fault
		}
		return reply{}, b.fail(f, limited.Err())
	}
	if b.source.Kind == Thanos {
		q.params.Set("dedup", "true")
		q.params.Set("partial_response", strconv.FormatBool(b.source.PartialResponse == nil || *b.source.PartialResponse))
	}
	began := time.Now()
	e, failed, err := b.exchange(limited, q)
	now := time.Now()
	if failed != nil {
		if fault, gone := stopped(ctx); gone {
			f := failure{fault: fault, what: fmt.Sprintf("was not waited for any longer, after %s", now.Sub(began).Round(time.Millisecond))}
			return reply{}, b.fail(f, err)
		}
		if failed.fault == query.Unavailable && errors.Is(limited.Err(), context.DeadlineExceeded) {
			// Reading from a connection that was closed for this fails in many words.
			late := broken(context.DeadlineExceeded, b.source)
			failed = &late
		}
		b.note(outcome{at: now, took: now.Sub(began), failed: failed})
		return reply{}, b.fail(*failed, err)
	}
	r := reply{took: now.Sub(began)}
	for i, w := range e.warnings {
		e.warnings[i] = excerpt(w, b.source)
	}
	r.warnings, r.infos = split(e.warnings)
	r.infos = append(r.infos, e.infos...)
	r.partial = e.partial || incomplete(r.warnings)
	if e.partial {
		r.warnings = append(r.warnings, "some of the server's storage nodes did not answer (isPartial)")
	}
	b.note(outcome{at: now, took: r.took, partial: r.partial, warnings: r.warnings})
	return r, nil
}

// exchange sends a question and reads the answer. It is asked by POST, for expressions are long; a server or proxy that
// does not take that is asked by GET, and from then on at once.
func (b *Backend) exchange(ctx context.Context, q question) (envelope, *failure, error) {
	get := q.get || b.get.Load()
	resp, err := b.send(ctx, q, get)
	if err == nil && !get && wantsGet(resp.StatusCode) {
		_ = resp.Body.Close()
		if resp, err = b.send(ctx, q, true); err == nil && resp.StatusCode/100 == 2 {
			b.get.Store(true)
		}
	}
	if err != nil {
		f := broken(err, b.source)
		return envelope{}, &f, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := opened(resp)
	if err != nil {
		f := broken(err, b.source)
		return envelope{}, &f, err
	}
	if resp.StatusCode/100 != 2 {
		return b.refused(resp, body)
	}
	return b.read(resp, body, q)
}

// wantsGet tells the statuses after which the same question is worth a GET: those of client_golang, and redirects that
// would lose the question.
func wantsGet(status int) bool {
	switch status {
	case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented,
		http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		return true
	}
	return false
}

func (b *Backend) send(ctx context.Context, q question, get bool) (*http.Response, error) {
	address, encoded := b.source.URL+q.path, q.params.Encode()
	var req *http.Request
	var err error
	if get {
		req, err = http.NewRequestWithContext(ctx, http.MethodGet, address+"?"+encoded, http.NoBody)
	} else {
		req, err = http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(encoded))
	}
	if err != nil {
		return nil, err
	}
	if !get {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		// A question changes nothing: net/http may send it again when an old connection turns out to be closed. Without
		// values the header is not sent.
		req.Header["Idempotency-Key"] = nil
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", "gzip")
	return b.client.Do(req)
}

// opened gives the body without its compression.
func opened(resp *http.Response) (io.Reader, error) {
	if !strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		return resp.Body, nil
	}
	r, err := gzip.NewReader(resp.Body)
	if errors.Is(err, io.EOF) {
		return bytes.NewReader(nil), nil
	}
	return r, err
}

// refused reads an answer that is no success.
func (b *Backend) refused(resp *http.Response, body io.Reader) (envelope, *failure, error) {
	text, _ := io.ReadAll(io.LimitReader(body, refusalLength)) // what arrived is all that there is to tell
	e, err := decode(bytes.NewReader(text), nil)
	if err != nil {
		e = envelope{}
	}
	f := refusal(resp, e, string(text), b.source)
	return e, &f, fmt.Errorf("status %d", resp.StatusCode)
}

// read reads an answer that is one.
func (b *Backend) read(resp *http.Response, body io.Reader, q question) (envelope, *failure, error) {
	limited := &limitReader{r: body, left: b.source.MaxBytes, limit: b.source.MaxBytes}
	buffered := bufio.NewReaderSize(limited, 512)
	if begin, _ := buffered.Peek(64); html(resp.Header.Get("Content-Type"), string(begin)) {
		f := failure{fault: query.Unavailable, what: "answers with a web page, perhaps for logging in, and not with metrics: see url and http of the source"}
		return envelope{}, &f, errors.New("HTML")
	}
	e, err := decode(buffered, q.data)
	if err != nil {
		f := broken(err, b.source)
		return envelope{}, &f, err
	}
	if e.status == "error" { // although the status is a success
		f := refusal(resp, e, "", b.source)
		return e, &f, errors.New(f.what)
	}
	return e, nil, nil
}

// errTooLarge says that an answer is larger than is read.
type errTooLarge struct{ limit int64 }

func (e errTooLarge) Error() string { return fmt.Sprintf("more than %d bytes", e.limit) }

// limitReader fails, rather than ends, at its limit.
type limitReader struct {
	r           io.Reader
	left, limit int64
}

func (l *limitReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge{l.limit}
	}
	return n, err
}
