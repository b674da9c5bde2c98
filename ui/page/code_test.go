package page

import (
	"html"
	"regexp"
	"strings"
	"testing"
)

func TestUnbroken(t *testing.T) {
	for _, text := range []string{
		"weir weights reviews/primary reviews-v1=60 --confirm-within 60s", "a:\n  - b-c\n\n\t<img onerror='x'> &amp; \"q\"\n", "", " ", "이름-하나",
	} {
		var b strings.Builder
		if err := unbroken(text).Render(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if got := html.UnescapeString(regexp.MustCompile(`</?span[^>]*>`).ReplaceAllString(b.String(), "")); got != text {
			t.Errorf("%q reads %q", text, got)
		}
		if strings.Contains(b.String(), "<img") {
			t.Errorf("%q is markup: %s", text, &b)
		}
		if has := strings.Contains(b.String(), `<span class="word">`); has != strings.Contains(text, "-") {
			t.Errorf("%q: words that stay whole: %t", text, has)
		}
	}
}
