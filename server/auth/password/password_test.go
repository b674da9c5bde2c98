package password

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/argon2"
	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/mesh"
)

// cheap makes tests quick; what is checked does not depend on the cost.
var cheap = Params{Memory: 64, Passes: 1, Lanes: 1}

func TestMakeAndCheck(t *testing.T) {
	h := New(cheap, 2, time.Minute)
	for _, right := range []string{"correct horse", "비밀번호는 길어야 한다", "👩‍👩‍👧‍👦 e\u0301té", strings.Repeat("x", MaxLength), " spaces count "} {
		hash, err := h.Make(t.Context(), right)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := h.Check(t.Context(), hash, right); err != nil || !v.Right || v.Stale {
			t.Errorf("%q: %+v, %v", right, v, err)
		}
		for _, wrong := range []string{"", right + " ", strings.ToUpper(right) + "x", right[:len(right)-1]} {
			if v, err := h.Check(t.Context(), hash, wrong); err != nil || v.Right {
				t.Errorf("%q passes for %q: %v", wrong, right, err)
			}
		}
	}
}

func TestComposedOtherwise(t *testing.T) {
	h := New(cheap, 1, time.Minute)
	hash, err := h.Make(t.Context(), "été au lac, 한글")
	if err != nil {
		t.Fatal(err)
	}
	// Keyboards of other makers write the same letters as others.
	if v, _ := h.Check(t.Context(), hash, "e\u0301te\u0301 au lac, 한글"); !v.Right {
		t.Error("the same letters in another form are refused")
	}
}

func TestHashIsTakenOverWhenItsCostChanged(t *testing.T) {
	old, err := New(cheap, 1, time.Minute).Make(t.Context(), "river of glass")
	if err != nil {
		t.Fatal(err)
	}
	h := New(Params{Memory: 128, Passes: 2, Lanes: 1}, 1, time.Minute)
	if v, err := h.Check(t.Context(), old, "river of glass"); err != nil || !v.Right || !v.Stale {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := h.Check(t.Context(), old, "wrong"); err != nil || v.Right || v.Stale {
		t.Errorf("a wrong password is hashed again: %+v, %v", v, err)
	}
}

func TestDefaultIsWhatIsPromised(t *testing.T) {
	hash, err := New(Default(), 1, time.Minute).Make(t.Context(), "river of glass")
	if err != nil || !strings.HasPrefix(string(hash), "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("%.40q, %v", string(hash), err)
	}
	// The reference: golang.org/x/crypto with the salt of the hash.
	p, err := parse(string(hash))
	if err != nil || string(argon2.IDKey([]byte("river of glass"), p.salt, 2, 19456, 1, 32)) != string(p.key) {
		t.Errorf("another key than argon2id's: %v", err)
	}
}

// TestNobodyCostsTheSame counts hashes rather than time, which says nothing on a busy machine.
func TestNobodyCostsTheSame(t *testing.T) {
	h := New(cheap, 1, time.Minute)
	hash, err := h.Make(t.Context(), "river of glass")
	if err != nil {
		t.Fatal(err)
	}
	for name, of := range map[string]Hash{"right": hash, "nobody": "", "damaged": "$argon2id$v=19$m=1,t=1,p=1$x$y", "other": "$2a$10$abc"} {
		before := h.Runs()
		v, err := h.Check(t.Context(), of, "river of glass")
		if h.Runs()-before != 1 || v.Right != (name == "right") {
			t.Errorf("%s: %d hashes, %+v, %v", name, h.Runs()-before, v, err)
		}
	}
	before := h.Runs()
	if v, err := h.Check(t.Context(), hash, strings.Repeat("x", 1<<20)); err != nil || v.Right || h.Runs()-before != 1 {
		t.Errorf("a megabyte: %+v, %v", v, err)
	}
	if h.dummy.Params != h.params {
		t.Errorf("the dummy costs %+v", h.dummy.Params)
	}
}

func TestFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(cheap, 2, time.Second)
		h.slots <- struct{}{}
		h.slots <- struct{}{} // both are taken
		if _, err := h.Make(t.Context(), "river of glass"); mesh.CodeOf(err) != mesh.TooMany {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := h.Check(ctx, "", "river of glass"); mesh.CodeOf(err) != mesh.TooMany {
			t.Errorf("%v", err)
		}
		done := make(chan error)
		go func() {
			_, err := h.Make(t.Context(), "river of glass")
			done <- err
		}()
		synctest.Wait()
		h.give()
		if err := <-done; err != nil {
			t.Errorf("a slot became free: %v", err)
		}
	})
}

// TestAThousandAtOnce is what a flood of sign-ins leads to: each is answered, and no more than two were ever computed at a time.
func TestAThousandAtOnce(t *testing.T) {
	h := New(cheap, 2, time.Millisecond)
	var wg sync.WaitGroup
	var mu sync.Mutex
	answers := map[mesh.Code]int{}
	for range 1000 {
		wg.Go(func() {
			_, err := h.Check(t.Context(), "", "x")
			if n := len(h.slots); n > 2 {
				t.Errorf("%d at once", n)
			}
			mu.Lock()
			defer mu.Unlock()
			answers[mesh.CodeOf(err)]++
		})
	}
	wg.Wait()
	if answers[""]+answers[mesh.TooMany] != 1000 || answers[""] < 2 || len(h.slots) != 0 {
		t.Errorf("%v, %d slots are taken", answers, len(h.slots))
	}
}

func TestHashesAreNotPrinted(t *testing.T) {
	hash, err := New(cheap, 1, time.Minute).Make(t.Context(), "river of glass")
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "hash", hash, "in", struct{ H Hash }{hash})
	data, err := json.Marshal(map[string]any{"hash": hash})
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprintf("%v %+v %#v %s", hash, struct{ H Hash }{hash}, struct{ H Hash }{hash}, hash), string(data), log.String()} {
		if strings.Contains(printed, "argon2id") {
			t.Errorf("%s", printed)
		}
	}
}

func TestPHC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := phc{
			Params: Params{
				Memory: rapid.Uint32Range(32, maxMemory).Draw(t, "memory"), Passes: rapid.Uint32Range(1, maxPasses).Draw(t, "passes"),
				Lanes: rapid.Uint8Range(1, maxLanes).Draw(t, "lanes"),
			},
			salt: rapid.SliceOfN(rapid.Byte(), minSalt, maxField).Draw(t, "salt"), key: rapid.SliceOfN(rapid.Byte(), minKey, maxField).Draw(t, "key"),
		}
		again, err := parse(p.String())
		if err != nil || again.String() != p.String() || again.Params != p.Params {
			t.Fatalf("%s is read as %s: %v", p, again, err)
		}
	})
	const rest = "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	if _, err := parse("$argon2id$v=19$m=64,t=1,p=1" + rest); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "$", "$argon2i$v=19$m=64,t=1,p=1" + rest, "$argon2id$v=16$m=64,t=1,p=1" + rest, "$argon2id$v=19$m=4294967295,t=1,p=1" + rest,
		"$argon2id$v=19$m=64,t=4000000000,p=1" + rest, "$argon2id$v=19$m=64,t=1,p=0" + rest, "$argon2id$v=19$m=064,t=1,p=1" + rest,
		"$argon2id$v=19$t=1,m=64,p=1" + rest, "$argon2id$v=19$m=64,t=1,p=1,q=1" + rest, "$argon2id$v=19$m=64,t=1,p=1$$", "x$argon2id$v=19$m=64,t=1,p=1" + rest,
		"$argon2id$v=19$m=64,t=1,p=1" + rest + "==", "$argon2id$v=19$m=64,t=1,p=1" + strings.Repeat(rest, 20),
	} {
		if p, err := parse(bad); mesh.CodeOf(err) != mesh.Internal || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %+v, %v", bad, p, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=,t=2,p=1$$")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parse(s)
		if err == nil && (p.String() != s || p.Memory > maxMemory || p.Passes > maxPasses || p.Lanes > maxLanes || p.Memory < 8) {
			t.Errorf("%q is read as %q", s, p)
		}
	})
}
