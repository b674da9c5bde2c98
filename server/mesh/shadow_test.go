package mesh

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShadowed(t *testing.T) {
	route := func(name string, m Match) Route { return Route{Router: "r", Name: name, Protocol: HTTP, Match: m} }
	header := func(v ValueMatch) []ValueMatch { return []ValueMatch{v} }
	for name, c := range map[string]struct {
		first, second Match
		want          bool
	}{
		"everything takes everything":      {Match{Prefix: "/"}, Match{Prefix: "/a"}, true},
		"a prefix takes a longer one":      {Match{Prefix: "/a"}, Match{Prefix: "/a/b"}, true},
		"a longer prefix leaves the rest":  {Match{Prefix: "/a/b"}, Match{Prefix: "/a"}, false},
		"a prefix takes a path":            {Match{Prefix: "/a"}, Match{Path: &PathMatch{Exact: "/a/b"}}, true},
		"a prefix may miss an expression":  {Match{Prefix: "/a"}, Match{Path: &PathMatch{Regex: "/a.*"}}, false},
		"the root takes an expression":     {Match{Prefix: "/"}, Match{Path: &PathMatch{Regex: "/a.*"}}, true},
		"the same path":                    {Match{Path: &PathMatch{Exact: "/a"}}, Match{Path: &PathMatch{Exact: "/a"}}, true},
		"a path leaves a prefix":           {Match{Path: &PathMatch{Exact: "/a"}}, Match{Prefix: "/a"}, false},
		"a method leaves the others":       {Match{Prefix: "/", Method: "GET"}, Match{Prefix: "/"}, false},
		"any method takes one":             {Match{Prefix: "/"}, Match{Prefix: "/", Method: "GET"}, true},
		"another port":                     {Match{Prefix: "/", Port: 80}, Match{Prefix: "/", Port: 81}, false},
		"a header leaves those without":    {Match{Prefix: "/", Headers: header(ValueMatch{Name: "x", Exact: "1"})}, Match{Prefix: "/"}, false},
		"a header that is there":           {Match{Prefix: "/", Headers: header(ValueMatch{Name: "X"})}, Match{Prefix: "/", Headers: header(ValueMatch{Name: "x", Exact: "1"})}, true},
		"a header that is not there":       {Match{Prefix: "/", Headers: header(ValueMatch{Name: "x", Invert: true})}, Match{Prefix: "/", Headers: header(ValueMatch{Name: "x", Exact: "1"})}, false},
		"the same header":                  {Match{Prefix: "/", Headers: header(ValueMatch{Name: "x", Exact: "1"})}, Match{Prefix: "/", Headers: header(ValueMatch{Name: "x", Exact: "1"})}, true},
		"another value":                    {Match{Prefix: "/", Headers: header(ValueMatch{Name: "x", Exact: "1"})}, Match{Prefix: "/", Headers: header(ValueMatch{Name: "x", Exact: "2"})}, false},
		"a wider range":                    {Match{Prefix: "/", Headers: header(ValueMatch{Name: "x", Range: &IntRange{0, 9}})}, Match{Prefix: "/", Headers: header(ValueMatch{Name: "x", Range: &IntRange{1, 3}})}, true},
		"a narrower range":                 {Match{Prefix: "/", Headers: header(ValueMatch{Name: "x", Range: &IntRange{1, 3}})}, Match{Prefix: "/", Headers: header(ValueMatch{Name: "x", Range: &IntRange{0, 9}})}, false},
		"a query parameter leaves others":  {Match{Prefix: "/", QueryParameters: header(ValueMatch{Name: "x"})}, Match{Prefix: "/"}, false},
		"grpc: a service takes its method": {Match{Service: "a.B"}, Match{Service: "a.B", RPC: "C"}, true},
		"grpc: a method leaves the others": {Match{Service: "a.B", RPC: "C"}, Match{Service: "a.B"}, false},
	} {
		want := map[string]string{}
		if c.want {
			want["second"] = "first"
		}
		if diff := cmp.Diff(want, Shadowed([]Route{route("first", c.first), route("second", c.second)})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	other := Route{Name: "tcp", Protocol: TCP}
	if got := Shadowed([]Route{route("first", Match{Prefix: "/"}), other}); len(got) > 0 {
		t.Errorf("another protocol: %v", got)
	}
}
