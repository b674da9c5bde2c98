package journal

import (
	"maps"
	"regexp"
)

// Sentences gives every sentence in English, by Event.What; words in braces are replaced by those of Event.With.
func Sentences() map[string]string {
	all := map[string]string{
		"change.made":       "{author}: {summary}",
		"change.pending":    "{author}, until it is kept or taken back: {summary}",
		"change.rollout":    "by a rollout: {summary}",
		"change.kept":       "kept by {author}: {summary}",
		"change.reverted":   "taken back: {summary}",
		"change.undone":     "undone: {summary}",
		"change.programmed": "{acked} of {total} proxies run it: {summary}",

		"guard.overridden": "{author} went over guard rails: {summary}",
		"guard.holds":      "guard rails hold up the rollout of {canary} on {target}",

		"rollout.began":        "the rollout of {canary} on {target} began",
		"rollout.step":         "the rollout of {canary} on {target} is at {weight} %",
		"rollout.paused":       "the rollout of {canary} on {target} waits at {weight} %",
		"rollout.promoting":    "{canary} gets everything on {target}",
		"rollout.succeeded":    "the rollout of {canary} on {target} succeeded",
		"rollout.aborted":      "the rollout of {canary} on {target} was aborted",
		"rollout.inconclusive": "the rollout of {canary} on {target} needs a decision",

		"verdict.agrees":       "the traffic agrees: {summary}",
		"verdict.contradicts":  "the traffic says otherwise: {summary}",
		"verdict.successful":   "the evidence speaks for {canary} on {target}",
		"verdict.failed":       "the evidence speaks against {canary} on {target}",
		"verdict.inconclusive": "the evidence on {canary} on {target} says neither",

		"rejected.change":     "{count} of {total} proxies refused it: {summary}",
		"rejected.proxy":      "proxy {name} refused its configuration",
		"rejected.proxy.many": "{count} proxies refused their configuration: {names}",
		"rejected.taken":      "proxy {name} took its configuration after all",
		"rejected.taken.many": "{count} proxies took their configuration after all: {names}",

		"webhook.failing": "webhook {name} cannot be told",
		"webhook.works":   "webhook {name} is told again",
	}
	maps.Copy(all, approvalSentences())
	maps.Copy(all, map[string]string{
		"proxy.came":         "proxy {name} connected",
		"proxy.came.many":    "{count} proxies connected: {names}",
		"proxy.left":         "proxy {name} left",
		"proxy.left.many":    "{count} proxies left: {names}",
		"proxy.again":        "proxy {name} connected again",
		"proxy.again.many":   "{count} proxies connected again: {names}",
		"proxy.refused":      "proxy {name} was not let in",
		"proxy.refused.many": "{count} proxies were not let in: {names}",

		"health.unhealthy":      "{name} is failing",
		"health.unhealthy.many": "{count} are failing: {names}",
		"health.degraded":       "{name} is degraded",
		"health.degraded.many":  "{count} are degraded: {names}",
		"health.healthy":        "{name} is well again",
		"health.healthy.many":   "{count} are well again: {names}",
		"health.flapping":       "{name} goes to and fro between ill and well; it is told again when it stays as it is",
		"health.flapping.many":  "{count} go to and fro between ill and well: {names}",
	})
	return all
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// Sentence writes an event in English.
func Sentence(what string, with map[string]string) string {
	return placeholder.ReplaceAllStringFunc(Sentences()[what], func(word string) string { return with[word[1:len(word)-1]] })
}

// said completes an event with its English sentence.
func (e Event) said() Event {
	for key, word := range e.With {
		e.With[key] = clip(word)
	}
	e.Text, e.Detail = Sentence(e.What, e.With), clip(e.Detail)
	return e
}
