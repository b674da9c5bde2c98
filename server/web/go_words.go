package web

import "strings"

// destination is a page that the palette leads to.
type destination struct {
	key   string // of its name in the catalogue, under "go.page."
	path  string
	query []string // in pairs
	words string   // what else it may be called, in every language
}

// destinations are the console's pages. The words are matched and never shown.
func destinations() []destination {
	return []destination{
		{"overview", "/", nil, "home start verdict 개요 처음"},
		{"topology", "/topology", nil, "graph map picture 토폴로지 그래프"},
		{"problems", "/topology", []string{"view", "problems"}, "wrong errors failing 문제 오류"},
		{"groups", "/topology", []string{"view", "groups"}, "matrix namespaces 그룹 네임스페이스"},
		{"table", "/topology", []string{"view", "table"}, "table edges list csv 표 테이블"},
		{"whole", "/topology", []string{"view", "whole"}, "everything all boxes 전체"},
		{"tv", "/tv", nil, "wall screen kiosk 티비 월보드"},
		{"services", "/services", nil, "list 서비스 목록"},
		{"proxies", "/proxies", nil, "envoys sync 프록시"},
		{"config", "/config", nil, "yaml objects edit validate drift 구성 편집 객체"},
		{"canaries", "/canaries", nil, "rollouts canary progressive delivery 카나리 점진 배포 롤아웃"},
		{"rollout", "/canaries/new", nil, "new canary start roll out gradually 카나리 시작 점진 배포"},
		{"history", "/history", nil, "changes ledger log 변경 이력"},
		{"events", "/events", nil, "journal happened stream log 이벤트 사건"},
		{"compare", "/compare", nil, "difference diff before after 비교"},
		{"sources", "/sources", nil, "metrics prometheus targets 데이터 출처 지표"},
		{"settings", "/settings", nil, "preferences limits health 설정"},
	}
}

// The verbs of actions that take arguments, and the words for them.
const (
	verbWeight  = "weight"
	verbPool    = "pool"
	verbTimeout = "timeout"
	verbHide    = "hide"
	verbFocus   = "focus"
	verbCompare = "compare"
	verbUndo    = "undo"
)

func verbs() map[string]string {
	return map[string]string{
		verbWeight: "weight weights split send shift 가중치 분배", verbPool: "pool limit 풀 커넥션풀 한도", verbTimeout: "timeout 타임아웃",
		verbHide: "hide 숨기기 숨김", verbFocus: "focus 포커스", verbCompare: "compare diff 비교", verbUndo: "undo rollback 되돌리기",
	}
}

// limitWords are the limits of a pool by what people call them; the first is meant when nothing is said.
func limitWords() map[string]string {
	return map[string]string{
		"maxConnections": "connections connection 커넥션 연결", "maxPendingRequests": "pending queue 대기", "maxRequests": "requests request 요청",
		"maxRetries": "retries retry 재시도",
	}
}

// split takes a verb out of a query, where it stands first or last, and gives the words that are left.
func splitVerb(query string) (verb string, rest []string) {
	rest = strings.Fields(query)
	for _, at := range []int{0, len(rest) - 1} {
		if len(rest) == 0 {
			return "", nil
		}
		for verb, words := range verbs() {
			if isOneOf(rest[at], words) {
				return verb, append(append([]string{}, rest[:at]...), rest[at+1:]...)
			}
		}
	}
	return "", rest
}

func isOneOf(word, words string) bool {
	for each := range strings.FieldsSeq(words) {
		if strings.EqualFold(word, each) {
			return true
		}
	}
	return false
}
