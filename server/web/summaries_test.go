package web

import (
	"testing"

	"github.com/weirmesh/weir/ui/i18n"
)

// TestSummaries reads the sentences that server/change's tests hold.
func TestSummaries(t *testing.T) {
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	english, korean := texts.Locale(i18n.English), texts.Locale(i18n.Korean)
	for summary, want := range map[string]string{
		"reviews/primary: v2 25 % → 50 %":                                 "reviews/primary: v2 25 % → 50 %",
		"reviews/primary: other weights for the same shares":              "reviews/primary: 비율은 그대로, 가중치만 변경",
		"route reviews/primary: priority 0 → 5":                           "라우트 reviews/primary: priority 0 → 5",
		"ratings: maxConnections no limit → 50":                           "ratings: maxConnections 제한 없음 → 50",
		"ratings: maxConnections 50 → 100, maxPending 5 → no limit":       "ratings: maxConnections 50 → 100, maxPending 5 → 제한 없음",
		"service s: node a → none, router none → r":                       "가상 서비스 s: node a → 없음, router 없음 → r",
		"creates node ratings":                                            "생성: 가상 노드 ratings",
		"creates 2 nodes, router r; changes route a/b; deletes node x":    "생성: 가상 노드 2개, 가상 라우터 r; 변경: 라우트 a/b; 삭제: 가상 노드 x",
		"takes back 01J: ratings: maxConnections 100 → 50":                "실행 취소: ratings: maxConnections 100 → 50",
		"ratings: unhealthy above 5 % errors, degraded above a p95 of 1s": "ratings: 오류 5 % 초과 시 장애, p95 1s 초과 시 저하됨",
		"creates":           "creates",
		"<img onerror>: x":  "<img onerror>: x",
		"what nobody knows": "what nobody knows",
		"":                  "",
	} {
		if got := summaryText(korean, summary); got != want {
			t.Errorf("%q is %q, want %q", summary, got, want)
		}
		if got := summaryText(english, summary); got != summary {
			t.Errorf("English changed: %q is %q", summary, got)
		}
	}
}
