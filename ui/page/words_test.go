package page

import (
	"testing"

	"github.com/weirmesh/weir/ui/i18n"
)

// TestInWords says in Korean what rollouts and guard rails say in English, and leaves what people wrote.
func TestInWords(t *testing.T) {
	c, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	english, korean := Shell{L: c.Locale(i18n.English)}, Shell{L: c.Locale(i18n.Korean)}
	for said, want := range map[string]string{
		"guard rails stand in the way, it is tried again: route reviews/primary is frozen by mesh shop until 2026-12-01 06:00 UTC (peak season)": "보호 규칙에 막혀 다시 시도하는 중: 변경 동결 중입니다: route reviews/primary (설정 위치: mesh shop, 해제: 2026-12-01 06:00 UTC, 사유: peak season)",
		"sales failed 3 times in a row: 0.2 is below 0.5":                    "검사가 연속 3회 실패했습니다 (sales): 값 0.2, 최솟값 0.5 미만",
		"webhook the board failed 3 times in a row: 503 Service Unavailable": "웹훅이 연속 3회 실패했습니다 (the board): 503 Service Unavailable",
		"paused by jiyoung: lunch: back soon":                                "일시 중지한 사람: jiyoung, 사유: lunch: back soon",
		"proxies refused the change: Invalid regex ')'":                      "프록시가 변경을 거부했습니다: Invalid regex ')'",
		"anything else that somebody wrote":                                  "anything else that somebody wrote",
		"not every proxy has taken the weight: 2 of 3 have it: resume goes on looking, promote or abort decides, retry begins again": "아직 가중치를 적용하지 않은 프록시가 있습니다: 3개 중 2개 적용됨. 재개하면 계속 지켜보고, 승격이나 중단을 선택해 결정하며, 다시 시도하면 처음부터 다시 시작합니다",
	} {
		if got := korean.inWords(said); got != want {
			t.Errorf("%q\nbecomes %q\nwant    %q", said, got, want)
		}
		if got := english.inWords(said); got != said {
			t.Errorf("in English %q becomes %q", said, got)
		}
	}
	if got := stepValue(korean.L, "reviews-v1 0 %, reviews-v2 33.3 %"); got != "reviews-v1 0%, reviews-v2 33.3%" {
		t.Errorf("shares are written %q", got)
	}
}
