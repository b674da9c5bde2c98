package scrape

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"unicode"
)

// maxBrief is how many characters of what a target or a library says are shown.
const maxBrief = 200

// brief makes text from elsewhere fit for a line.
func brief(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxBrief {
		return string(r[:maxBrief]) + "…"
	}
	return s
}

// explain says why a scrape failed and what to do. The library names its own errors by their text alone.
func explain(err error, job Job, address string, a answer) string {
	if err == nil {
		return ""
	}
	var many tooMany
	if errors.As(err, &many) {
		return fmt.Sprintf("the page was refused: %s; have the proxy show less, name what is needed in keep, or raise the limit", many)
	}
	for _, f := range []func(error, Job, string, answer) string{explainNetwork, explainTLS, explainStatus, explainPage} {
		if text := f(err, job, address, a); text != "" {
			return text
		}
	}
	return brief(err.Error())
}

func explainNetwork(err error, job Job, address string, a answer) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && !dns.IsTimeout:
		return fmt.Sprintf("the name %s does not resolve: correct the address, or the DNS", brief(dns.Name))
	case errors.As(err, &dns):
		return fmt.Sprintf("the DNS did not answer for %s within %s", brief(dns.Name), job.Timeout)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing listens on %s: start the proxy or its admin interface, or correct the port", address)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fmt.Sprintf("%s cannot be reached from here: %s", address, brief(err.Error()))
	case errors.Is(err, context.DeadlineExceeded) && a.bytes == 0:
		return fmt.Sprintf("%s sent nothing within %s: it hangs, or a firewall swallows the connection", address, job.Timeout)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("%s sent only %d bytes within %s: it hangs, or timeout and interval are too short for its page", address, a.bytes, job.Timeout)
	case strings.Contains(err.Error(), "malformed HTTP"):
		return address + " does not speak HTTP: correct the port"
	case errors.Is(err, errEndless), strings.Contains(err.Error(), "body size limit exceeded"):
		return fmt.Sprintf("the page is larger than %d bytes, the job's limits.bodyBytes: have the proxy show less, or raise the limit", job.Limits.BodyBytes)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Sprintf("%s closed the connection before the page was complete, after %d bytes: look at its log", address, a.bytes)
	}
	return ""
}

func explainTLS(err error, job Job, address string, _ answer) string {
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		alert   tls.AlertError
	)
	switch {
	case errors.As(err, &unknown):
		return "its certificate is signed by nobody that is trusted here: name the authority in http.tls_config.ca_file"
	case errors.As(err, &host):
		return fmt.Sprintf("its certificate is for another name (%s): correct the address, or set http.tls_config.server_name", brief(host.Error()))
	case errors.As(err, &invalid):
		return "its certificate is not valid: " + brief(invalid.Error())
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return address + " does not speak TLS: set the job's scheme to http"
	case errors.As(err, &alert):
		return fmt.Sprintf("it refused the TLS connection (%s): it may want a certificate, http.tls_config.cert_file and key_file", brief(alert.Error()))
	}
	return ""
}

// statusPattern is how the library says that the status was not 200.
const statusPattern = `server returned HTTP status (\d{3})`

func explainStatus(err error, job Job, address string, a answer) string {
	found := regexp.MustCompile(statusPattern).FindStringSubmatch(err.Error())
	if found == nil {
		return ""
	}
	status, _ := strconv.Atoi(found[1])
	switch {
	case status >= 300 && status < 400:
		to := ""
		if a.location != "" {
			to = " to " + strconv.Quote(brief(a.location))
		}
		return fmt.Sprintf("%s answered %d and redirects%s, which is not followed since it can lead anywhere: set the address, scheme and path where the page is", address, status, to)
	case status == 401 || status == 403:
		return fmt.Sprintf("%s answered %d: give credentials in the job's http", address, status)
	case status == 404:
		return fmt.Sprintf("%s answered 404: there is no page at %s, correct the job's path", address, job.Path)
	case status == 400 && a.contentType == "" && job.Scheme == "http":
		return address + " answered 400: it may want the scheme https"
	default:
		return fmt.Sprintf("%s answered %d: look at its log", address, status)
	}
}

func explainPage(err error, job Job, address string, a answer) string {
	text := err.Error()
	said := "without a Content-Type"
	if a.contentType != "" {
		said = "as " + strconv.Quote(brief(a.contentType))
	}
	switch {
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return address + " sends a page that it calls gzip and that is not: correct its server"
	case strings.Contains(text, "label_limit exceeded"), strings.Contains(text, "label_name_length_limit exceeded"),
		strings.Contains(text, "label_value_length_limit exceeded"):
		return fmt.Sprintf("the page was refused because of a label: %s; correct the proxy, or raise the job's limits.labels, labelNameLength or labelValueLength", brief(text))
	case strings.Contains(text, "Content-Type"):
		return fmt.Sprintf("%s%s sends its page %s, which is no format of metrics: correct the job's path, or the server's Content-Type", address, job.Path, said)
	case strings.HasPrefix(text, "Get "):
		return "" // of the connection, not of the page
	default:
		return fmt.Sprintf("%s%s sends a page %s that cannot be read as that: %s", address, job.Path, said, brief(text))
	}
}
