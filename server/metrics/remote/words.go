package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/oauth2"

	"github.com/weirmesh/weir/server/metrics/query"
)

// failure is why a question was not answered, in words that follow the source's name.
type failure struct {
	fault query.Fault
	what  string
	// refused: the server is well, and the question is at fault. busy: the server answers, but not this now. late: it took
	// too long. None of them: the server cannot be relied on.
	refused, busy, late bool
}

// excerptLength bounds what is repeated of a server's own words.
const excerptLength = 200

// broken tells in words why the wire or the answer failed.
func broken(err error, s Source) failure {
	f := failure{fault: query.Unavailable}
	var big errTooLarge
	var elsewhere errElsewhere
	var credentials errCredentials
	var token *oauth2.RetrieveError
	switch {
	case timedOut(err):
		f.fault, f.late = query.Timeout, true
		f.what = fmt.Sprintf("did not answer within %s: ask for less, look at the server's load, or raise the source's timeout", time.Duration(s.Timeout))
	case errors.As(err, &big):
		f.fault, f.busy = query.Execution, true
		f.what = fmt.Sprintf("answers with more than %d bytes: ask for less, or raise the source's maxBytes", big.limit)
	case errors.As(err, &elsewhere):
		f.what = fmt.Sprintf("sends Weir on to %s, where the credentials are not for: put that server into url, or, if it is a login page, credentials into http", elsewhere.host)
	case errors.As(err, &credentials):
		f.what = fmt.Sprintf("cannot be asked, for there are no credentials to sign with (%s): see %s of the source", plain(err, s), credentials.field)
	case errors.As(err, &token):
		f.what = fmt.Sprintf("cannot be asked, for the token server refuses (%s): see http.oauth2 of the source", plain(err, s))
	case errors.Is(err, errTruncated), errors.Is(err, io.ErrUnexpectedEOF):
		f.what = "stopped in the middle of its answer: look at it, and at proxies before it"
	case errors.Is(err, errNotAPI), errors.Is(err, errJunk):
		f.what = fmt.Sprintf("is not a Prometheus API (%s): url must be what comes before /api/v1", plain(err, s))
	default:
		f.what = network(err, s)
	}
	return f
}

// timedOut tells whether the time was over, in whatever words: of the question, of a connection, of a look-up.
func timedOut(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// network words errors of connections, TLS and of what cannot be decoded.
func network(err error, s Source) string {
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var header tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return fmt.Sprintf("cannot be reached, for the proxy cannot (%s): see http.proxy_url of the source", plain(op.Err, s))
	case errors.As(err, &dns):
		return fmt.Sprintf("cannot be found: there is no host %s; see url of the source", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refuses connections: is it running, and is the port in url right?"
	case errors.Is(err, syscall.ECONNRESET):
		return "broke the connection: look at it, and at proxies before it"
	case errors.As(err, &unknown):
		return "has a certificate of an authority that is not known: give its certificate as http.tls_config.ca_file"
	case errors.As(err, &hostname):
		return fmt.Sprintf("has a certificate for another name (%s): see url, or http.tls_config.server_name", plain(err, s))
	case errors.As(err, &invalid):
		return fmt.Sprintf("has a certificate that is not valid (%s): renew it", plain(err, s))
	case errors.As(err, &header), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "does not speak TLS: url begins with http:// then"
	case errors.As(err, &op):
		return fmt.Sprintf("cannot be reached (%s): see url of the source", plain(err, s))
	}
	return fmt.Sprintf("cannot be understood or reached (%s)", plain(err, s))
}

// refusal words an answer with a status that is no success. The body may be Prometheus' envelope.
func refusal(resp *http.Response, e envelope, body string, s Source) failure {
	said := excerpt(e.text, s)
	switch {
	case said != "":
	case html(resp.Header.Get("Content-Type"), body):
		said = "it answers with a web page"
	default:
		said = excerpt(body, s)
	}
	if said == "" {
		said = http.StatusText(resp.StatusCode)
	}
	f := failure{fault: query.Unavailable}
	code := resp.StatusCode
	switch {
	case e.errorType == "timeout" || code == http.StatusGatewayTimeout:
		f.fault, f.late = query.Timeout, true
		f.what = fmt.Sprintf("could not work it out in time (%s): ask for less", said)
	case e.errorType == "canceled":
		f.fault, f.refused = query.Canceled, true
		f.what = fmt.Sprintf("stopped working on it (%s)", said)
	case e.errorType == "bad_data" || code == http.StatusBadRequest:
		f.fault, f.refused = query.BadData, true
		f.what = "does not understand the question: " + said
	case e.errorType == "execution" || code == http.StatusUnprocessableEntity:
		f.fault, f.refused = query.Execution, true
		f.what = "cannot work it out: " + said
	case code == http.StatusUnauthorized && strings.Contains(strings.ToLower(said), "org id"):
		f.what = "wants to know the tenant (401): give tenant in the source"
	case code == http.StatusUnauthorized:
		f.what = fmt.Sprintf("wants other credentials (401, %s): see http, or sigv4, of the source", said)
	case code == http.StatusForbidden:
		f.what = fmt.Sprintf("does not allow it (403, %s): see what the source's credentials may do", said)
	case code == http.StatusNotFound || code == http.StatusMethodNotAllowed:
		f.what = fmt.Sprintf("does not know %s (%d): url must be what comes before /api/v1%s", resp.Request.URL.Path, code, example(s.Kind))
	case code == http.StatusTooManyRequests:
		f.busy = true
		f.what = fmt.Sprintf("wants to be asked less often (429, %s)%s: raise the source's interval", said, retry(resp))
	case code/100 == 3:
		f.what = fmt.Sprintf("redirects (%d) to %s: put that into url", code, withoutQuery(resp.Header.Get("Location")))
	default:
		f.what = fmt.Sprintf("fails (%d, %s): look at its log, and at proxies before it", code, said)
	}
	return f
}

// example shows what a URL of a kind looks like.
func example(k Kind) string {
	switch k {
	case Mimir:
		return ", such as https://mimir.example.com/prometheus"
	case AMP:
		return ", such as https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-…"
	case VictoriaMetrics:
		return ", such as http://victoria:8428, or http://vmselect:8481/select/0/prometheus"
	default:
		return ""
	}
}

func retry(resp *http.Response) string {
	if after := resp.Header.Get("Retry-After"); after != "" && len(after) <= 40 {
		return ", again after " + after + " (Retry-After)"
	}
	return ""
}

// withoutQuery leaves away what may hold a token.
func withoutQuery(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "a place that is not a URL"
	}
	u.RawQuery, u.Fragment, u.User = "", "", nil
	return u.String()
}

// html tells a web page, such as a login page, from an answer.
func html(contentType, begin string) bool {
	return strings.Contains(contentType, "text/html") || strings.HasPrefix(strings.TrimSpace(begin), "<")
}

// plain gives an error's text without the URL that net/http puts before it.
func plain(err error, s Source) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return excerpt(err.Error(), s)
}

// excerpt makes one short line of somebody else's text, without the source's secrets.
func excerpt(text string, s Source) string {
	for _, secret := range s.secrets() {
		text = strings.ReplaceAll(text, secret, "…")
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if runes := []rune(text); len(runes) > excerptLength {
		text = string(runes[:excerptLength]) + "…"
	}
	return strings.ToValidUTF8(text, "�")
}
