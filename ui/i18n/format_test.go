package i18n

import (
	"math"
	"testing"
	"time"
)

func TestFormats(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	en, ko := c.Locale(English), c.Locale(Korean)
	at := time.Date(2026, time.November, 22, 17, 2, 11, 0, time.UTC)
	for _, f := range []struct{ got, want string }{
		{en.Rate(74.83), "74.8/s"},
		{ko.Rate(74.83), "74.8/초"},
		{en.Rate(0), "0/s"},
		{en.Rate(0.01), "<0.1/s"},
		{en.Rate(1234.6), "1,235/s"},
		{en.Number(math.NaN()), "–"},
		{en.Number(math.Inf(1)), "–"},
		{en.Number(1e18), "1.0e+18"},
		{en.Ratio(0.002), "0.2 %"},
		{ko.Ratio(0.002), "0.2%"},
		{en.Ratio(0), "0 %"},
		{en.Ratio(0.0001), "<0.1 %"},
		{en.Ratio(1), "100 %"},
		{en.Ratio(math.NaN()), "–"},
		{en.Share(0.25), "25 %"},
		{en.Share(1.0 / 3), "33.3 %"},
		{en.Latency(0.021), "21 ms"},
		{en.Latency(0.0042), "4.2 ms"},
		{en.Latency(1.424), "1.42 s"},
		{en.Latency(0.9996), "1.00 s"},
		{en.Latency(0), "–"},
		{en.Latency(math.Inf(1)), "–"},
		{en.Length(500 * time.Millisecond), "500 ms"},
		{en.Length(15 * time.Second), "15 s"},
		{en.Age(600 * time.Millisecond), "0.6 s"},
		{en.Age(12 * time.Second), "12 s"},
		{en.Age(3 * time.Minute), "3 min"},
		{en.Age(2 * time.Hour), "2 h"},
		{en.Age(100 * time.Hour), "4 d"},
		{en.Age(-time.Second), "0 s"},
		{en.Ago(300 * time.Millisecond), "just now"},
		{ko.Ago(12 * time.Second), "12초 전"},
		{en.Countdown(48 * time.Second), "0:48"},
		{en.Countdown(-time.Second), "0:00"},
		{en.Countdown(61*time.Second + time.Millisecond), "1:02"},
		{en.Bytes(1234), "1.2 kB/s"},
		{en.Bytes(999.9), "1.0 kB/s"},
		{en.Count(-1234567), "-1,234,567"},
		{en.Moment(at), "22 Nov 2026, 17:02:11 UTC"},
		{ko.Moment(at), "2026년 11월 22일 17:02:11 UTC"},
		{en.Moment(time.Time{}), "–"},
	} {
		if f.got != f.want {
			t.Errorf("wrote %q, want %q", f.got, f.want)
		}
	}
}
