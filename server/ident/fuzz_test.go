package ident

import (
	"testing"
	"time"
)

// FuzzParse: an ID that reads is one that New continues from; a typed one reads however it was typed once it is canonical.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"3jd9c0x2ma", "3JD9COX2MA", "", "zzzzzzzzzz", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", " 0123456789\n", "İİİİİ", "iiiiiiiiii"} {
		f.Add(s, int64(0))
	}
	f.Add("3jd9c0x2ma", int64(1<<60))
	f.Add("3jd9c0x2ma", int64(-1<<60))
	f.Fuzz(func(t *testing.T, id string, at int64) {
		if once := Canonical(id); Canonical(once) != once {
			t.Errorf("%q is %q, and then %q", id, once, Canonical(once))
		}
		if _, ok := parse(id); !ok || id > "zzzzzzzzyz" { // nothing comes after the last
			id = ""
		}
		now := time.UnixMilli(at % 3_786_912_000_000) // until 2089, and as long before 1970
		next := New(now, id, 7)
		if _, ok := parse(next); !ok || next <= id || Canonical(next) != next {
			t.Errorf("after %q comes %q", id, next)
		}
	})
}
