package password

import (
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/mesh"
)

func TestAllowed(t *testing.T) {
	for _, good := range []string{
		"river of glass and tin", "otter-bicycle-quartz", "wq8#Lm2$zt9Px", "고래는 바다에서 노래를 한다", "👩‍👩‍👧‍👦 kayak violin 🎻 moss", "Vx7kQp2mJw9rTz",
		strings.Repeat("abacus violet kr ", 7) + "ninefold", "correct horse battery staple otter lamp", "kimchi jjigae at noon",
	} {
		if err := Allow(good, "kim"); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ password, want string }{
		{"", "has 0 characters: at least 12"},
		{"short", "has 5 characters"},
		{"elevenchars", "has 11 characters"},
		{strings.Repeat("otter lamp ", 12), "at most 128"},
		{"otter\x00lamp kayak", "control characters"},
		{"otter lamp\nkayak", "control characters"},
		{"otter lamp \xff kayak", "no valid text"},
		{"aaaaaaaaaaaaaaa", "repeats"},
		{"abcabcabcabcabc", "repeats"},
		{"1212121212121212", "repeats"},
		{"password1234", "tried first"},
		{"Password2026!", "tried first"},
		{"P@ssw0rd2026!", "tried first"},
		{"passwordpassword1", "tried first"},
		{"qwertyuiop123", "tried first"},
		{"1qaz2wsx3edc", "tried first"},
		{"1q2w3e4r5t6y", "tried first"},
		{"zxcvbnm,./123", "tried first"},
		{"123456789012", "tried first"},
		{"0987654321!!", "tried first"},
		{"abcdefghijkl", "tried first"},
		{"letmein123456", "tried first"},
		{"Welcome2Welcome", "tried first"},
		{"iloveyou12345", "tried first"},
		{"administrator1", "tried first"},
		{"kubernetes2026", "tried first"},
		{"Summer2026!!!!", "tried first"},
		{"correcthorsebatterystaple", "tried first"},
		{"비밀번호비밀번호비밀번호1", "tried first"},
		{"contortionist", "that others have used"},
		{"Unbelievable2026!", "that others have used"},
		{"ghbdtnrfrltkf", "that others have used"},
		{"mailcreated5240", "that others have used"},
		{"marguerite2026", "name that is known"},
		{"Marguerite!2026", "name that is known"},
		{"m4rguer1te-2026", "name that is known"},
		{"weirmesh-2026!", "name that is known"},
		{"weirweirweir1", "name that is known"},
	} {
		err := Allow(c.password, "marguerite")
		if mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.password, err, c.want)
		}
		if err != nil && len(c.password) > 4 && strings.Contains(err.Error(), c.password) {
			t.Errorf("the password is repeated: %v", err)
		}
	}
}

func TestWordsAreLongestFirst(t *testing.T) {
	last := 1 << 10
	for word := range strings.Lines(common) {
		if n := len([]rune(strings.TrimSpace(word))); n > last || n < 3 {
			t.Errorf("%q comes after one of %d letters", word, last)
		} else {
			last = n
		}
	}
}

func TestKnownAreRefused(t *testing.T) {
	n, long := 0, 0
	last := ""
	for line := range strings.Lines(known) {
		one := strings.TrimSpace(line)
		n++
		if one <= last || one != strings.ToLower(one) {
			t.Errorf("%q after %q: sorted, in lower case", one, last)
		}
		last = one
		if len(one) < MinLength {
			one += strings.Repeat("7", MinLength-len(one)) // what people do when it is too short
		} else {
			long++
		}
		if err := Allow(one); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%q is allowed", one)
		}
	}
	if n < 3000 || long < 300 {
		t.Errorf("%d known passwords, %d of them long enough", n, long)
	}
}

func FuzzAllow(f *testing.F) {
	f.Add("river of glass and tin", "kim")
	f.Add("1qaz2wsx3edc", "")
	f.Add("\xff\xfe", "\xff")
	f.Fuzz(func(t *testing.T, password, name string) {
		if err := Allow(password, name); err != nil && mesh.CodeOf(err) != mesh.Invalid {
			t.Error(err)
		}
	})
}
