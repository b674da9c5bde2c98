package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// FuzzWords: weights and ports on the command line are read as they are written, or refused in one short line.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"reviews-v2=25", "a=25%", "a=-1", "a=1\na=2", "=1", "a", "a=", "8080=15000", "8080=15000\n8080=1", "0=0", "-1=99999999", "a=\x00", "\x1b[31m=1", "a=1%%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list := strings.Split(text, "\n")
		weights, err := parseWeights(list)
		if err == nil && len(weights) != len(list) {
			t.Errorf("%q are %v", list, weights)
		}
		for node := range weights {
			if node == "" {
				t.Errorf("%q are %v", list, weights)
			}
		}
		ports, bad := parsePorts(list)
		if bad == nil && len(ports) != len(list) {
			t.Errorf("%q are %v: one took the place of another", list, ports)
		}
		for from, to := range ports {
			if from < 1 || from > 65535 || to < 1 || to > 65535 {
				t.Errorf("%q are %v", list, ports)
			}
		}
		for _, err := range []error{err, bad} {
			if err != nil && (strings.ContainsAny(err.Error(), "\r\n\x00\x1b") || len(err.Error()) > 1000) {
				t.Errorf("%q is refused with %q", list, err)
			}
		}
	})
}

// FuzzPoint: a value of an answer is shown whatever a server puts there.
func FuzzPoint(f *testing.F) {
	for _, s := range []string{`[1.5,"2"]`, `[1.5,{"count":"1","sum":"2"}]`, `[]`, `[1e999,null]`, `["x",[[]]]`, `[-1e300,"NaN"]`, `null`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p point
		if json.Unmarshal(data, &p) != nil {
			return
		}
		if at := p.at(); at == "" && len(p[0]) > 0 {
			if v, err := strconv.ParseFloat(string(p[0]), 64); err == nil {
				t.Errorf("%q is at no moment: %v", data, v)
			}
		}
		if v := p.value(); v == "" && len(bytes.TrimSpace(p[1])) > 2 {
			var text string
			if json.Unmarshal(p[1], &text) != nil || text != "" {
				t.Errorf("%q has no value", data)
			}
		}
	})
}
