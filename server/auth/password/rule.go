package password

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/weirmesh/weir/server/mesh"
)

// The length of a password in characters. There is no rule of what it is made of: length is what costs a guesser (NIST SP
// 800-63B-4 section 3.1.1, OWASP ASVS 5.0 V6.2).
const (
	MinLength = 12
	MaxLength = 128
)

// maxBytes is the most that MaxLength characters take in UTF-8.
const maxBytes = MaxLength * utf8.UTFMax

// Allow refuses passwords that are too short or too long, that anybody would try first, or that are made from what is known:
// the account's name and Weir's. Error: mesh.Invalid, which does not repeat the password.
func Allow(password string, known ...string) error {
	if !utf8.ValidString(password) {
		return mesh.Errorf(mesh.Invalid, "the password is no valid text (UTF-8)")
	}
	password = norm.NFC.String(password)
	if strings.ContainsFunc(password, unicode.IsControl) {
		return mesh.Errorf(mesh.Invalid, "the password holds control characters, such as a tab or the end of a line")
	}
	switch n := utf8.RuneCountInString(password); {
	case n < MinLength:
		return mesh.Errorf(mesh.Invalid, "the password has %d characters: at least %d, such as four or five words that do not belong together", n, MinLength)
	case n > MaxLength:
		return mesh.Errorf(mesh.Invalid, "the password has %d characters: at most %d", n, MaxLength)
	}
	if why := guessable(password, known); why != "" {
		return mesh.Errorf(mesh.Invalid, "the password %s: take one that nobody would try, such as four or five words that do not belong together", why)
	}
	return nil
}
