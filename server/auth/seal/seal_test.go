package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/weirmesh/weir/server/auth/seal"
)

func TestSeal(t *testing.T) {
	one, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	two, err := seal.New(bytes.Repeat([]byte{2}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	sealed := one.Seal("name", []byte("secret"))
	if bytes.Contains(sealed, []byte("secret")) || bytes.Equal(sealed, one.Seal("name", []byte("secret"))) {
		t.Error("it is not encrypted, or twice the same")
	}
	if got, err := one.Open("name", sealed); err != nil || string(got) != "secret" {
		t.Errorf("%q, %v", got, err)
	}
	for name, c := range map[string]struct {
		by     *seal.Sealer
		name   string
		sealed []byte
		other  bool
	}{
		"another key":  {two, "name", sealed, true},
		"another name": {one, "other", sealed, false},
		"cut":          {one, "name", sealed[:len(sealed)-1], false},
		"nothing":      {one, "name", nil, true},
		"the mark":     {one, "name", sealed[:4], false},
	} {
		if got, err := c.by.Open(c.name, c.sealed); err == nil || errors.Is(err, seal.ErrOtherKey) != c.other {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := seal.New([]byte("short")); err == nil {
		t.Error("a short key is taken")
	}
}
