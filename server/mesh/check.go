package mesh

import (
	"fmt"
	"net/netip"
	"regexp/syntax"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds that keep an input of a few bytes from becoming a large configuration. They are far above App Mesh's quotas.
const (
	maxViolations = 100
	maxName       = 255
	maxHostname   = 253
	maxText       = 255
	maxPath       = 1024
	maxListeners  = 100
	maxBackends   = 1000
	maxEndpoints  = 1000
	maxTargets    = 10
	maxConditions = 10
	maxWeight     = 1_000_000
	maxPriority   = 1000
	maxPool       = 1<<31 - 1
	maxRegexSize  = 5000 // compiled instructions
	maxTimeout    = 7 * 24 * time.Hour
	maxInterval   = 24 * time.Hour
)

// checker collects violations of one mesh or of one object.
type checker struct {
	on   Ref // the object that is checked; the zero Ref: the mesh as such
	list []Violation
	more int // violations beyond maxViolations
}

// fail records that the value of a field breaks a rule. A nil value is not shown.
func (c *checker) fail(field string, value any, rule string) {
	if len(c.list) >= maxViolations {
		c.more++
		return
	}
	if c.on != (Ref{}) {
		field = shorten(c.on.String()) + ": " + field
	}
	v := Violation{Field: field, Rule: rule}
	if value != nil {
		v.Value = shorten(fmt.Sprint(value))
	}
	c.list = append(c.list, v)
}

// err makes the collected violations one error, nil when there are none.
func (c *checker) err(what string) error {
	if len(c.list) == 0 {
		return nil
	}
	e := Errorf(Invalid, "%s is not valid", what)
	if c.more > 0 {
		e = Errorf(Invalid, "%s is not valid (%d rules broken, the first %d are listed)", what, len(c.list)+c.more, len(c.list))
	}
	e.Violations = c.list
	return e
}

// shorten makes a value fit for one line: printable and at most 80 characters.
func shorten(s string) string {
	const room = 80
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == room-1 {
			b.WriteRune('…')
			break
		}
		if !unicode.IsPrint(r) {
			r = '\uFFFD'
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// name checks the name of a mesh, node, router, route or gateway. Names become parts of cluster names and of addresses,
// where a dot or a slash would be taken for something else.
func (c *checker) name(field, s string) {
	switch {
	case s == "":
		c.fail(field, nil, "is required")
	case len(s) > maxName:
		c.fail(field, s, fmt.Sprintf("is at most %d characters", maxName))
	case strings.ContainsFunc(s, func(r rune) bool { return !isNameRune(r) }):
		c.fail(field, s, "has letters, digits, - and _ only")
	}
}

func isNameRune(r rune) bool {
	return r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// host checks a host name, such as a virtual service's name.
func (c *checker) host(field, s string) {
	switch {
	case s == "":
		c.fail(field, nil, "is required")
	case len(s) > maxHostname:
		c.fail(field, s, fmt.Sprintf("is at most %d characters", maxHostname))
	case !isHost(s):
		c.fail(field, s, "is a host name: letters, digits, - and _, in parts separated by dots")
	}
}

func isHost(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool { return !isNameRune(r) }) {
			return false
		}
	}
	return true
}

// text checks an optional value that people chose freely.
func (c *checker) text(field, s string, limit int) {
	switch {
	case len(s) > limit:
		c.fail(field, s, fmt.Sprintf("is at most %d characters", limit))
	case !utf8.ValidString(s):
		c.fail(field, s, "is valid UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		c.fail(field, s, "has no control characters")
	}
}

// path checks a required path or prefix of one.
func (c *checker) path(field, s string) {
	c.text(field, s, maxPath)
	switch {
	case !strings.HasPrefix(s, "/"):
		c.fail(field, s, "starts with /")
	case strings.ContainsAny(s, "?# "):
		c.fail(field, s, "has no ?, # or space")
	case strings.HasPrefix(s, "/aws-appmesh"):
		c.fail(field, s, "does not start with /aws-appmesh, which is reserved for the proxies")
	}
}

// between checks an integer against an inclusive range.
func (c *checker) between(field string, n, low, high int) {
	if n < low || n > high {
		c.fail(field, n, fmt.Sprintf("is from %d to %d", low, high))
	}
}

// port checks a required port number.
func (c *checker) port(field string, n int) { c.between(field, n, 1, 65535) }

// optionalPort checks a port number that may be left out.
func (c *checker) optionalPort(field string, n int) {
	if n != 0 {
		c.port(field, n)
	}
}

// span checks a duration against an inclusive range.
func (c *checker) span(field string, d Duration, low, high time.Duration) {
	if t := time.Duration(d); t < low || t > high {
		c.fail(field, d, fmt.Sprintf("is from %v to %v", low, high))
	}
}

// limit checks a duration where zero switches the limit off. Proxies count milliseconds, so anything between zero and
// one of them would switch it off too, unseen.
func (c *checker) limit(field string, d *Duration) {
	if d == nil || *d == 0 {
		return
	}
	if t := time.Duration(*d); t < time.Millisecond || t > maxTimeout {
		c.fail(field, *d, fmt.Sprintf("is 0s (no limit) or from 1ms to %v", maxTimeout))
	}
}

// regex checks that proxies will be able to compile an expression (RE2's syntax) and that it stays small.
func (c *checker) regex(field, s string) {
	c.text(field, s, maxText)
	if len(s) > maxText {
		return
	}
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		c.fail(field, s, "is a regular expression in RE2's syntax ("+shorten(strings.TrimPrefix(err.Error(), "error parsing regexp: "))+")")
		return
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil || len(prog.Inst) > maxRegexSize {
		c.fail(field, s, "is a regular expression of moderate size (repeat counts multiply)")
	}
}

// oneOf checks a value against a list of words.
func (c *checker) oneOf(field, s string, words ...string) {
	for _, w := range words {
		if s == w {
			return
		}
	}
	var value any
	if s != "" {
		value = s
	}
	c.fail(field, value, "is "+orList(words))
}

// orList writes "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// address checks an instance's IP address.
func (c *checker) address(field, s string) {
	ip, err := netip.ParseAddr(s)
	switch {
	case err != nil || ip.Zone() != "":
		c.fail(field, s, "is an IP address")
	case ip.IsUnspecified() || ip.IsMulticast():
		c.fail(field, s, "is the IP address of one instance")
	}
}

// protocol checks a required protocol.
func (c *checker) protocol(field string, p Protocol, tcp bool) {
	words := []string{string(HTTP), string(HTTP2), string(GRPC)}
	if tcp {
		words = append(words, string(TCP))
	}
	c.oneOf(field, string(p), words...)
}
