package config

import (
	"strings"
	"testing"
)

// FuzzParse: whatever is in a file, it is taken or refused in short lines.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "listen: 127.0.0.1:8080\nhistory: {retention: 15d, maxSize: 2GB}\n", "people: {idle: 30m, trustedProxies: [10.0.0.0/8]}",
		"webhooks: [{url: 'https://x/', kinds: [change]}]", "a: &a [*a]", "listen: [1]", "history: {retention: -1d}", "\xff", "listen: \"\\0\"", "oidc: {issuer: 'javascript:1'}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := Parse(data)
		if err != nil && (strings.ContainsRune(err.Error(), 0) || len(err.Error()) > 20_000) {
			t.Errorf("%q is refused with %q", data, err)
		}
	})
}
