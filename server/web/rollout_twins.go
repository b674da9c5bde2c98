package web

import (
	"encoding/json"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/ui/page"
)

// startTwins is how a rollout is begun without the console: as a command, as a file for it, and as a request. What is not
// said is filled in by the server in the same way.
func startTwins(v view, s canary.Spec, reason string) page.Equivalents {
	words := []string{"weir", "canary", "start", page.ShellWord(s.Target.Name), "--canary", page.ShellWord(s.Canary), "--stable", page.ShellWord(s.Stable), "--steps", page.ShellWord(canary.StepsText(s.Steps))}
	body := map[string]any{"target": s.Target, "canary": s.Canary, "stable": s.Stable, "steps": s.Steps}
	analysis := make(map[string]any)
	judged := make(map[string]any)
	number := func(n float64) string { return strconv.FormatFloat(n, 'g', -1, 64) }
	j := s.Analysis.Judge
	for _, f := range []struct {
		name  string
		value float64
	}{{"alpha", j.Alpha}, {"delta", j.Delta}, {"minRequests", j.MinRequests}, {"tolerance", j.Tolerance}} {
		if f.value != 0 {
			judged[f.name] = f.value
			words = append(words, "--"+strings.ReplaceAll(f.name, "minRequests", "min-requests"), number(f.value))
		}
	}
	if len(judged) > 0 {
		analysis["judge"] = judged
	}
	if s.Deadline != 0 {
		body["deadline"] = s.Deadline
		words = append(words, "--deadline", s.Deadline.String())
	}
	if s.Analysis.Interval != 0 {
		analysis["interval"] = s.Analysis.Interval
		words = append(words, "--interval", s.Analysis.Interval.String())
	}
	if s.Analysis.IgnoreLatency {
		analysis["ignoreLatency"] = true
		words = append(words, "--ignore-latency")
	}
	if len(s.Analysis.Metrics) > 0 {
		analysis["metrics"] = s.Analysis.Metrics
	}
	if len(analysis) > 0 {
		body["analysis"] = analysis
	}
	for _, h := range s.Webhooks {
		words = append(words, "--webhook", page.ShellWord(h.Type+"="+h.URL))
	}
	if len(s.Webhooks) > 0 {
		body["webhooks"] = s.Webhooks
	}
	file, err := yaml.Marshal(body)
	if err != nil {
		return page.Equivalents{}
	}
	if reason != "" {
		body["reason"] = reason
		words = append(words, "--reason", page.ShellWord(reason))
	}
	data, err := json.Marshal(body)
	if err != nil {
		return page.Equivalents{}
	}
	return page.Equivalents{
		CLI: startCommand(v, s, words, reason, string(file)), YAML: string(file),
		Curl: "curl -X POST \"$WEIR_URL/api/v1/" + inMesh(v.Mesh) + "/canaries\" \\\n  -H 'Content-Type: application/json' \\\n  -d " + page.ShellWord(string(data)),
	}
}

// startCommand is the command that begins a rollout: from a file where it has checks, which no flag says.
func startCommand(v view, s canary.Spec, words []string, reason, file string) string {
	ending := []string{"--mesh", page.ShellWord(v.Mesh)}
	if len(s.Analysis.Metrics) == 0 {
		return strings.Join(append(words, ending...), " ")
	}
	words = []string{"weir", "canary", "start", "-f", "-"}
	if reason != "" {
		words = append(words, "--reason", page.ShellWord(reason))
	}
	return strings.Join(append(words, ending...), " ") + " <<'END'\n" + file + "END"
}
