package page

import "strings"

// sharingShown is how many routes of a split are named on a card.
const sharingShown = 6

// SharingText names the routes that share the split, the first of many.
func (s Split) SharingText() string {
	text := strings.Join(s.Sharing[:min(len(s.Sharing), sharingShown)], ", ")
	if len(s.Sharing) > sharingShown {
		text += " …"
	}
	return text
}
