package people

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/weirmesh/weir/server/auth/seal"
	"github.com/weirmesh/weir/server/mesh"
)

func TestSecrets(t *testing.T) {
	seen := map[string]bool{}
	var used [256]bool
	for range 200 {
		s := newSecret(tokenSecret)
		if len(s) != tokenSecret || seen[s] {
			t.Fatalf("%q", s)
		}
		seen[s] = true
		for i := range s {
			used[s[i]] = true
		}
	}
	for _, c := range alphabet {
		if !used[c] {
			t.Errorf("no secret of 200 holds %q", c)
		}
	}
}

func TestSplit(t *testing.T) {
	id, secret := new(ids).next(noon), newSecret(tokenSecret)
	if i, s, ok := split(tokenPrefix, join(tokenPrefix, id, secret), tokenSecret); !ok || i != id || s != secret {
		t.Errorf("%q %q %v", i, s, ok)
	}
	if i, s, ok := split("", join("", setupID, secret[:linkSecret]), linkSecret); !ok || i != setupID || s != secret[:linkSecret] {
		t.Errorf("%q %q %v", i, s, ok)
	}
	whole := join(tokenPrefix, id, secret)
	for _, bad := range []string{
		"", "weir", "weir__", whole[1:], whole + "0", whole[:len(whole)-1], strings.ToUpper(whole), strings.Replace(whole, "weir_", "weirproxy_", 1),
		" " + whole, whole + "\n", "Bearer " + whole, strings.Replace(whole, secret, secret[1:]+"'", 1), strings.Repeat(whole, 1000), whole[:10] + "\x00" + whole[11:],
	} {
		if _, _, ok := split(tokenPrefix, bad, tokenSecret); ok {
			t.Errorf("%q is read", bad)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("weir_2tjpy48000_" + strings.Repeat("a", tokenSecret))
	f.Add("weir_\xff")
	f.Fuzz(func(t *testing.T, s string) {
		if id, secret, ok := split(tokenPrefix, s, tokenSecret); ok && join(tokenPrefix, id, secret) != s {
			t.Errorf("%q is read as %q", s, join(tokenPrefix, id, secret))
		}
		if id, secret, ok := split("", s, linkSecret); ok && join("", id, secret) != s {
			t.Errorf("%q is read as %q", s, join("", id, secret))
		}
	})
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), KeyFile)
	keys := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range keys { // replicas on one directory
		wg.Go(func() {
			key, err := LoadKey(path)
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	wg.Wait()
	for _, key := range keys {
		if len(key) != seal.KeySize || !bytes.Equal(key, keys[0]) {
			t.Errorf("%d bytes, or another key", len(key))
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("what is left beside it: %v, %v", left, err)
	}
	for _, bad := range []string{"", "abc", strings.Repeat("ab", 31), strings.Repeat("zz", 32)} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(path); mesh.CodeOf(err) != mesh.Invalid || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := LoadKey(filepath.Join(t.TempDir(), "no", "such")); mesh.CodeOf(err) != mesh.Unavailable {
		t.Errorf("%v", err)
	}
}

func TestSealed(t *testing.T) {
	mine, err := newSealer(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	other, err := newSealer(bytes.Repeat([]byte{2}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	sealed := mine.seal("AKIAX", "s3cret")
	if bytes.Contains(sealed, []byte("s3cret")) || bytes.Equal(sealed, mine.seal("AKIAX", "s3cret")) {
		t.Error("it is not sealed, or always the same")
	}
	if secret, err := mine.open("AKIAX", sealed); err != nil || secret != "s3cret" {
		t.Errorf("%q, %v", secret, err)
	}
	if _, err := other.open("AKIAX", sealed); mesh.CodeOf(err) != mesh.Unavailable || !strings.Contains(err.Error(), "another key") {
		t.Errorf("%v", err)
	}
	broken := bytes.Clone(sealed)
	broken[len(broken)-1] ^= 1
	for name, try := range map[string][]byte{"AKIAX": broken, "AKIAY": sealed, "AKIAZ": nil} {
		if _, err := mine.open(name, try); mesh.CodeOf(err) != mesh.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := newSealer(nil); mesh.CodeOf(err) != mesh.Invalid {
		t.Errorf("%v", err)
	}
}
