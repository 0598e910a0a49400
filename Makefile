# What developers do by hand. Everything that a change has to pass is in .ci/run.
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
BRANCH   ?= $(shell git rev-parse --abbrev-ref HEAD 2>/dev/null || echo unknown)
DATE     ?= $(shell date -u +%Y-%m-%dT%H:%M:%SZ)
PKG      := github.com/prometheus/common/version
LDFLAGS  := -s -w -X $(PKG).Version=$(VERSION) -X $(PKG).Revision=$(REVISION) -X $(PKG).Branch=$(BRANCH) -X $(PKG).BuildDate=$(DATE)
FUZZTIME ?= 30s
FOR ?= 10m
DURATION ?= 10m
MUTANTS ?= ./client:cursor.go,dense_second.go ./collector/ledger ./collector/planner ./collector/budget ./collector/state
MUTANTS_THEN ?= ./collector ^TestCountersStayTrueWhateverGoesWrong$$

.PHONY: help
help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build a static binary.
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o hoop_exporter .

.PHONY: test
test: ## Run the tests, in a minute and a half on two cores.
	go test ./...

.PHONY: long
long: ## Run the long tests too: days of simulated life.
	HOOP_LONG=1 go test -timeout=30m ./...

.PHONY: race
race: ## Run the tests with the race detector.
	go test -race -timeout=20m ./...

.PHONY: lint
lint: ## Run all linters.
	go vet ./... ./.ci/mutants
	.ci/tool golangci-lint run ./...

.PHONY: proto
proto: ## Generate the Go code of the state format from its .proto file.
	HOOP_UPDATE=1 go test -count=1 ./collector/state/statepb

.PHONY: fuzz
fuzz: ## Fuzz every target for FUZZTIME.
	.ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## Run all benchmarks.
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: memory
memory: ## Measure the resident memory after a backfill of a million sessions.
	HOOP_MEMORY_SESSIONS=1000000 go test -count=1 -timeout=20m -v -run '^TestMemoryDoesNotGrowWithHistory$$' ./collector/e2e

.PHONY: kills
kills: ## Kill the exporter 50 times while it is scraped: nothing may be lost or counted twice.
	HOOP_KILLS=50 go test -count=1 -v -run '^TestCountersNeverFallAcrossKills$$' ./collector/e2e

.PHONY: simulate
simulate: ## Play simulated weeks of trouble for FOR.
	HOOP_FOR=$(FOR) go test -count=1 -timeout=0 -v -run '^TestCountersStayTrueWhateverGoesWrong$$' ./collector

.PHONY: soak
soak: ## Watch memory and goroutines under load for DURATION.
	HOOP_SOAK=$(DURATION) go test -count=1 -timeout=0 -v -run '^TestNothingGrowsUnderLoad$$' ./collector/e2e

.PHONY: fleet
fleet: ## Watch 200 gateways in one exporter, most of which go wrong, for DURATION.
	HOOP_FLEET=$(DURATION) go test -count=1 -timeout=0 -v -run '^TestGatewaysInTroubleKeepNoOtherWaiting$$' ./collector/e2e

.PHONY: cost
cost: ## Measure for DURATION what 100 gateways cost, a hundredth of 10,000 with 10 million sessions a day.
	HOOP_COST=$(DURATION) go test -count=1 -timeout=0 -v -run '^TestAProcessKeepsAHundredGatewaysUp$$' ./collector/e2e

.PHONY: cost-cluster
cost-cluster: ## Measure for DURATION what 1,000 gateways cost three processes and their database.
	HOOP_COST_CLUSTER=$(DURATION) go test -count=1 -timeout=0 -v -run '^TestAClusterKeepsAThousandGatewaysUp$$' ./collector/e2e

.PHONY: mutants
mutants: ## Change the code of MUTANTS in small ways, and list the changes that no test notices.
	@mkdir -p .cache
	HOOP_SEEDS=4 go run ./.ci/mutants -swap Earlier/Later -then '$(MUTANTS_THEN)' -o .cache/mutants.md $(MUTANTS)

.PHONY: demo
demo: ## Run against a simulated gateway.
	go run . --demo

.PHONY: image
image: ## Build the container image.
	docker build -t hoop_exporter --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --build-arg BRANCH=$(BRANCH) --build-arg DATE=$(DATE) .

.PHONY: check
check: ## Run everything that a change has to pass.
	bash .ci/run
