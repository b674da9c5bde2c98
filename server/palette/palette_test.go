package palette_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/palette"
)

func entries(names ...string) []palette.Entry {
	var list []palette.Entry
	for _, name := range names {
		list = append(list, palette.Entry{Name: name, Key: name})
	}
	return list
}

func names(list []palette.Entry) []string {
	found := []string{}
	for _, e := range list {
		found = append(found, e.Name)
	}
	return found
}

func TestFind(t *testing.T) {
	things := append(entries("reviews", "reviews-v1", "reviews-v2", "ratings", "product-reviews", "preview", "checkout", "서비스", "שירות-ביקורות", "<img src=x>"),
		palette.Entry{Name: "Dark colours", Words: []string{"theme dark", "테마 어둡게"}}, palette.Entry{Name: "서킷 브레이커"})
	for query, want := range map[string][]string{
		"":             {},
		"   ":          {},
		"reviews":      {"reviews", "reviews-v1", "reviews-v2", "product-reviews"},
		"REVIEWS-V2":   {"reviews-v2"},
		"v2":           {"reviews-v2"},
		"rev v2":       {"reviews-v2"},
		"v2 rev":       {"reviews-v2"},
		"view":         {"preview", "reviews", "reviews-v1", "reviews-v2", "product-reviews"},
		"prw":          {"preview", "product-reviews"},
		"reveiws-v1":   {"reviews-v1"},
		"chekcout":     {"checkout"},
		"checkoutt":    {"checkout"},
		"chackout":     {"checkout"},
		"theme dark":   {"Dark colours"},
		"어둡게":          {"Dark colours"},
		"ㅅㅂㅅ":          {"서비스"},
		"ㅂㄹㅇ":          {"서킷 브레이커"},
		"ביקורות":      {"שירות-ביקורות"},
		"<img":         {"<img src=x>"},
		"nothing-like": {},
		"re xyz":       {},
	} {
		if diff := cmp.Diff(want, names(palette.Find(query, things, 20))); diff != "" {
			t.Errorf("%q:\n%s", query, diff)
		}
	}
}

func TestFindIsBounded(t *testing.T) {
	var many []palette.Entry
	for i := range 5000 {
		many = append(many, palette.Entry{Name: fmt.Sprintf("service-%04d", i)})
	}
	if got := len(palette.Find("service", many, 20)); got != 20 {
		t.Errorf("%d entries, want 20", got)
	}
	if got := names(palette.Find("4711", many, 20)); len(got) == 0 || got[0] != "service-4711" {
		t.Errorf("4711 finds %v", got)
	}
	long := strings.Repeat("한", 10*palette.MaxQuery)
	if got := palette.Find(long, many, 20); len(got) != 0 {
		t.Errorf("a very long query finds %v", names(got))
	}
}

func TestOrder(t *testing.T) {
	list := []palette.Entry{{Name: "reviews", Kind: "node", Order: 2}, {Name: "reviews", Kind: "service", Order: 1}}
	if got := palette.Find("reviews", list, 5); got[0].Kind != "service" {
		t.Errorf("first is the %s, want the service", got[0].Kind)
	}
}

func BenchmarkFind(b *testing.B) {
	var many []palette.Entry
	for i := range 15000 {
		many = append(many, palette.Entry{Name: fmt.Sprintf("service-%04d-v%d", i/3, i%3), Words: []string{"weights"}})
	}
	for b.Loop() {
		palette.Find("srv 471", many, 20)
	}
}

func FuzzFind(f *testing.F) {
	for _, seed := range []string{"", "rev", "ㅅㅂ", "\xff\xfe", "\u202ea", "rev\xc3"} {
		f.Add(seed, "reviews-v1")
		f.Add("reviews", seed)
	}
	f.Fuzz(func(t *testing.T, query, name string) {
		got := palette.Find(query, []palette.Entry{{Name: name, Words: []string{query}}}, 3)
		if len(got) > 1 {
			t.Errorf("one entry is found %d times", len(got))
		}
		exact := strings.TrimSpace(query) != "" && utf8.ValidString(query) && utf8.RuneCountInString(query) <= palette.MaxQuery
		if exact && !slices.ContainsFunc(got, func(e palette.Entry) bool { return e.Name == name }) {
			t.Errorf("%q does not find an entry with that very word", query)
		}
	})
}
