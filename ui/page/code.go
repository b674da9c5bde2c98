package page

import (
	"context"
	"html"
	"io"
	"strings"

	"github.com/a-h/templ"
)

// unbroken writes text whose lines break between words alone: a browser also breaks after a hyphen, and what is typed off
// such a line is another name. The text itself stays as it is, for whoever copies it.
func unbroken(text string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var b strings.Builder
		for text != "" {
			end := strings.IndexAny(text, " \n\t")
			if end < 0 {
				end = len(text)
			}
			if word := text[:end]; strings.ContainsAny(word, "-/?") {
				b.WriteString(`<span class="word">` + html.EscapeString(word) + `</span>`)
			} else {
				b.WriteString(html.EscapeString(word))
			}
			rest := strings.TrimLeft(text[end:], " \n\t")
			b.WriteString(text[end : len(text)-len(rest)])
			text = rest
		}
		_, err := io.WriteString(w, b.String())
		return err
	})
}

// source is a block of text to copy. It is not written in a template, whose formatter puts spaces into it.
func source(text string) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		if _, err := io.WriteString(w, `<pre><code data-source lang="en">`); err != nil {
			return err
		}
		if err := unbroken(text).Render(ctx, w); err != nil {
			return err
		}
		_, err := io.WriteString(w, `</code></pre>`)
		return err
	})
}
