package canary

import (
	"reflect"
	"strings"
	"testing"
)

// FuzzParseSteps: what is read is written as it was meant.
func FuzzParseSteps(f *testing.F) {
	for _, s := range []string{"5, pause 1m, 25 %, analysis, 50", "pause", "pause1h30m", "pause -1m", ",,", "100%%", "99999999999999999999", "PAUSE 1ns", "\u0665"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		steps, err := ParseSteps(s)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n\x00") || len(err.Error()) > 1000 {
				t.Errorf("%q is refused with %q", s, err)
			}
			return
		}
		again, err := ParseSteps(StepsText(steps))
		if err != nil || !reflect.DeepEqual(again, steps) {
			t.Errorf("%q is %q, and read again %q, %v", s, StepsText(steps), StepsText(again), err)
		}
	})
}
