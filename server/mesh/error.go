package mesh

import (
	"errors"
	"fmt"
	"strings"
)

// Code is the class of an error, for whoever has to turn it into an exit code or an HTTP status.
type Code string

// The codes.
const (
	Invalid  Code = "invalid"   // the input breaks a rule
	Conflict Code = "conflict"  // somebody changed it first, or it is in use
	NotFound Code = "not_found" // no such object
	Denied   Code = "denied"    // not allowed
	// Unauthenticated: nobody is signed in, or what was shown does not prove who asks.
	Unauthenticated Code = "unauthenticated"
	TooMany         Code = "too_many"    // too many at once: try again in a moment
	Unavailable     Code = "unavailable" // try again later
	Internal        Code = "internal"    // Weir's own fault
)

// Error is an error meant for a person: what, where, what to do.
type Error struct {
	Code       Code
	Message    string
	Violations []Violation // with Invalid: one per broken rule
	Err        error       // the cause, for the log
}

// Violation is one broken rule.
type Violation struct {
	Field string `json:"field"` // `route reviews/primary: targets[1].weight`
	Value string `json:"value"` // as given, shortened to 80 characters
	Rule  string `json:"rule"`  // "is from 0 to 1000000"
}

// String writes the violation as one clause.
func (v Violation) String() string {
	if v.Value == "" {
		return v.Field + " " + v.Rule
	}
	return fmt.Sprintf("%s %s: %s", v.Field, v.Value, v.Rule)
}

// Shorten keeps somebody's words from filling a message: 80 characters at most.
func Shorten(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:79]) + "…"
	}
	return s
}

// Errorf makes an Error with a message for people; %w keeps the cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Error gives the message and every violation on one line.
func (e *Error) Error() string {
	if len(e.Violations) == 0 {
		return e.Message
	}
	parts := make([]string, len(e.Violations))
	for i, v := range e.Violations {
		parts[i] = v.String()
	}
	return e.Message + ": " + strings.Join(parts, "; ")
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf gives the code of the first Error in err's chain; Internal for any other error, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}
