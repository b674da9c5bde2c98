package i18n

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// none stands for a number that is not known.
const none = "–"

// Count writes a whole number with its thousands apart: "1,480".
func (l Locale) Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Number writes a number with as many decimals as it deserves: "0.4", "74.8", "1,480".
func (l Locale) Number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return none
	case a >= 1e15:
		return strconv.FormatFloat(v, 'e', 1, 64)
	case a >= 100 || v == math.Trunc(v):
		return l.Count(int64(math.Round(v)))
	case a < 0.05:
		return "<0.1"
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

// Rate writes a number per second: "74.8/s".
func (l Locale) Rate(perSecond float64) string { return l.T("format.rate", "n", l.Number(perSecond)) }

// Bytes writes bytes per second: "1.2 kB/s".
func (l Locale) Bytes(perSecond float64) string {
	unit := 0
	units := []string{"B", "kB", "MB", "GB", "TB"}
	for perSecond >= 999.5 && unit < len(units)-1 {
		perSecond /= 1000
		unit++
	}
	return l.T("format.bytes", "n", l.Number(perSecond), "unit", units[unit])
}

// Size writes a number of bytes as disks are measured, a unit being 1024 of the one before: "1.2 GB".
func (l Locale) Size(bytes int64) string {
	unit, size := 0, float64(bytes)
	units := []string{"B", "KB", "MB", "GB", "TB"}
	for size >= 1023.5 && unit < len(units)-1 {
		size /= 1024
		unit++
	}
	return l.T("format.size", "n", l.Number(size), "unit", units[unit])
}

// Ratio writes a share from 0 to 1 in percent: "0.2 %".
func (l Locale) Ratio(v float64) string {
	percent := v * 100
	text := strconv.FormatFloat(percent, 'f', 1, 64)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return none
	case percent > 0 && percent < 0.05:
		text = "<0.1"
	case percent == 0 || percent >= 99.95:
		text = strconv.FormatFloat(percent, 'f', 0, 64)
	}
	return l.T("format.percent", "n", text)
}

// Percent writes a whole percentage: "25 %".
func (l Locale) Percent(v int) string { return l.T("format.percent", "n", strconv.Itoa(v)) }

// Share writes a configured share from 0 to 1: whole percentages without decimals, "25 %", others with one.
func (l Locale) Share(v float64) string {
	if percent := v * 100; math.Abs(percent-math.Round(percent)) < 1e-6 {
		return l.Percent(int(math.Round(percent)))
	}
	return l.Ratio(v)
}

// Latency writes a time in seconds as people compare latencies: "21 ms". Zero is "not known".
func (l Locale) Latency(seconds float64) string {
	ms := seconds * 1000
	switch {
	case math.IsNaN(ms) || math.IsInf(ms, 0) || ms <= 0:
		return none
	case ms < 9.95:
		return l.T("format.milliseconds", "n", strconv.FormatFloat(ms, 'f', 1, 64))
	case ms < 999.5:
		return l.T("format.milliseconds", "n", strconv.FormatFloat(ms, 'f', 0, 64))
	}
	return l.T("format.latency", "n", strconv.FormatFloat(seconds, 'f', 2, 64))
}

// Age writes a length of time in its largest unit: "0.6 s", "12 s", "3 min", "2 h", "4 d".
func (l Locale) Age(d time.Duration) string {
	seconds := max(d.Seconds(), 0)
	switch {
	case seconds < 9.95 && seconds != math.Trunc(seconds):
		return l.T("format.seconds", "n", strconv.FormatFloat(seconds, 'f', 1, 64))
	case seconds < 99.5:
		return l.T("format.seconds", "n", strconv.FormatFloat(seconds, 'f', 0, 64))
	case seconds < 90*60:
		return l.T("format.minutes", "n", strconv.FormatFloat(seconds/60, 'f', 0, 64))
	case seconds < 36*3600:
		return l.T("format.hours", "n", strconv.FormatFloat(seconds/3600, 'f', 0, 64))
	}
	return l.T("format.days", "n", l.Count(int64(seconds/86400)))
}

// Length writes a length of time that somebody configured: "500 ms", "15 s".
func (l Locale) Length(d time.Duration) string {
	if d < time.Second {
		return l.Latency(d.Seconds())
	}
	return l.Age(d)
}

// Ago writes how long ago something was.
func (l Locale) Ago(d time.Duration) string {
	if d < time.Second {
		return l.T("format.now")
	}
	return l.T("format.ago", "age", l.Age(d.Truncate(time.Second)))
}

// Countdown writes what is left as minutes and seconds: "0:48".
func (l Locale) Countdown(d time.Duration) string {
	left := max(int(math.Ceil(d.Seconds())), 0)
	return strconv.Itoa(left/60) + ":" + strconv.Itoa(left%60/10) + strconv.Itoa(left%60%10)
}

// Date writes a day: "22 Nov 2026".
func (l Locale) Date(t time.Time) string {
	t = t.UTC()
	return l.T("format.date", "year", strconv.Itoa(t.Year()), "month", l.T("month."+strconv.Itoa(int(t.Month()))), "day", strconv.Itoa(t.Day()))
}

// Clock writes a time of day in UTC: "17:02:11".
func (l Locale) Clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// Moment writes a day and a time of day: "22 Nov 2026, 17:02:11 UTC".
func (l Locale) Moment(t time.Time) string {
	if t.IsZero() {
		return none
	}
	return l.T("format.moment", "date", l.Date(t), "clock", l.Clock(t))
}
