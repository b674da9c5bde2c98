package web

import "strings"

// agentWords is a browser as people know it, from what it says of itself: "Firefox · Linux". What is not recognised is shown
// as it was said.
func agentWords(said string) string {
	find := func(words ...string) string {
		for i := 0; i+1 < len(words); i += 2 {
			if strings.Contains(said, words[i]) {
				return words[i+1]
			}
		}
		return ""
	}
	// Those that say they are others as well come first.
	browser := find("Edg/", "Edge", "OPR/", "Opera", "Firefox/", "Firefox", "Chrome/", "Chrome", "Safari/", "Safari", "curl/", "curl")
	system := find("Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Windows", "Windows", "Mac OS X", "macOS", "CrOS", "ChromeOS", "Linux", "Linux")
	switch {
	case browser == "":
		return said
	case system == "":
		return browser
	}
	return browser + " · " + system
}
