# Everything that davit does on this machine. `make` lists the targets.

GO            ?= go
FUNCTIONS     := $(notdir $(patsubst %/main.go,%,$(wildcard functions/*/main.go)))
ARCHITECTURE  := $(shell $(GO) env GOARCH)
CDK           := node_modules/.bin/cdk
LINTERS       := .ci/tools
PEERS         := shared/hashing/peers shared/chain/peers
BENCHMARKED    = $(patsubst %,./%,$(sort $(dir $(shell grep -rl --exclude-dir=peers '^func Benchmark' shared events))))
ASSEMBLY      := shared/hashing/lanes/generator
CONTROLPLANE  := cmd/davit/kubernetes/controlplane
KUBERNETES    := bin/controlplane bin/kubectl
KUBERNETES_VERSION = -X k8s.io/component-base/version.gitVersion=$$(cd $(CURDIR)/$(CONTROLPLANE) && $(GO) list -m -f '{{.Version}}' k8s.io/kubernetes)
# Linters are linked once for all checkouts: the go command keeps them.
STATICCHECK    = $(GO) tool -modfile $(LINTERS)/go.mod staticcheck
GOSEC          = $(GO) vet -vettool $$(cd $(CURDIR)/$(LINTERS) && $(GO) tool -n gosec)
CFN_LINT      := .local/lint/bin/cfn-lint
CHECKOV       := .local/lint/bin/checkov
TEMPLATES     := .local/templates
FUZZED        := $(CURDIR)/.local/fuzzed

# One set of flags for programs, functions and tests, so that each package is compiled once.
export GOFLAGS     := -trimpath -buildvcs=false
export CGO_ENABLED := 0
# The major versions of Node, separated by commas, about which jsii does not warn.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

.DEFAULT_GOAL := help
.PHONY: help demo test unit build programs zips synth lint bench fuzz local-up local-down clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: programs $(if $(EKS),$(KUBERNETES)) $(CDK) ## show the whole job on this machine: pushes, a refusal, a rollback, a deploy; EKS=1 on Kubernetes, too
	bin/davit local demo $(if $(EKS),--eks)

test: ## run everything: vet, lint, unit, property, fault, template and local-cloud tests
	@$(MAKE) --no-print-directory -j2 lint unit # what one waits for while the other computes

unit: programs functions-amd64 functions-arm64 $(KUBERNETES) $(CDK)
	bin/davit local prepare
	INTERPRETERS="$$(node --version) $$(python3 --version)" $(GO) test -p 4 -timeout 30m ./... # local clouds wait more than they compute
	@set -e; for module in $(PEERS); do echo "in $$module"; (cd $$module && $(GO) test ./...); done
	cd $(ASSEMBLY) && $(GO) test -count 1 ./...
	cd $(CONTROLPLANE) && $(GO) test ./...

build: programs zips ## build bin/davit, bin/infra and the functions' zips

programs: functions-$(ARCHITECTURE)
	$(GO) build -o bin/ ./cmd/davit ./infra

functions-%:
	@echo "building the functions for $*"
	@set -e; for function in $(FUNCTIONS); do \
		directory=bin/functions/$*/$$function; mkdir -p $$directory; \
		GOOS=linux GOARCH=$* $(GO) build -ldflags="-s -w -buildid=" -tags lambda.norpc -o $$directory/bootstrap ./functions/$$function; \
	done

# For who deploys without the CDK, which makes its own.
zips: functions-amd64 functions-arm64
	@set -e; for architecture in amd64 arm64; do for function in $(FUNCTIONS); do \
		python3 -c 'import sys, zipfile; entry = zipfile.ZipInfo("bootstrap"); entry.external_attr = 0o755 << 16; \
entry.compress_type = zipfile.ZIP_DEFLATED; zipfile.ZipFile(sys.argv[1], "w").writestr(entry, open(sys.argv[2], "rb").read())' \
			bin/functions/$$function-$$architecture.zip bin/functions/$$architecture/$$function/bootstrap; \
	done; done

# Kubernetes itself, for clusters of the local cloud. Most of it is compiled once and for good.
bin/controlplane: $(CONTROLPLANE)/go.mod $(filter-out %_test.go,$(wildcard $(CONTROLPLANE)/*.go $(CONTROLPLANE)/*/*.go))
	@echo "building Kubernetes, which takes minutes once"
	cd $(CONTROLPLANE) && $(GO) build -ldflags "-s -w -buildid= $(KUBERNETES_VERSION)" -o $(CURDIR)/$@ .
	@touch $@

bin/kubectl: $(CONTROLPLANE)/go.mod $(CONTROLPLANE)/kubectl/main.go | bin/controlplane # one after the other, as they share most packages
	cd $(CONTROLPLANE) && $(GO) build -ldflags "-s -w -buildid= $(KUBERNETES_VERSION)" -o $(CURDIR)/$@ ./kubectl
	@touch $@

synth: programs functions-amd64 functions-arm64 $(CDK) ## synthesise every configuration and shape into .local/templates, or SHAPE or CONFIGURATION into cdk.out
	$(if $(SHAPE)$(CONFIGURATION),$(CDK) synth --quiet -c $(if $(SHAPE),shape=$(SHAPE),configuration=$(CONFIGURATION)),\
		rm -rf $(TEMPLATES) && CDK_VALIDATION=false bin/infra all $(TEMPLATES))

lint: $(CFN_LINT) programs $(CDK) ## gofmt, vet, staticcheck, gosec; the CDK's validation, cfn-lint and checkov
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(STATICCHECK) ./...
	$(GOSEC) ./...
	$(GOSEC) -tags purego ./$(dir $(ASSEMBLY)) # what there is where there is no assembly
	@set -e; for module in $(PEERS) $(LINTERS); do (cd $$module && $(GOSEC) ./...); done
	cd $(CONTROLPLANE) && $(GO) vet ./... # staticcheck would go through all of Kubernetes
	bin/infra lint $(TEMPLATES) $(CFN_LINT) $(CHECKOV)

bench: programs $(CDK) ## measure: push to deployment beside an empty function, calls a push, deciding
	$(GO) test -timeout 30m -run '^$$' -bench . -benchmem $(BENCHMARKED)
	@set -e; for module in $(PEERS); do echo "in $$module"; (cd $$module && $(GO) test -run '^$$' -bench . -benchmem .); done
	bin/davit local bench

# Go 1.26 can report the end of -fuzztime as the target's failure (go.dev/issue/75804, mended in Go 1.27). That one line is
# not a finding; whatever else is not ok is.
fuzz: ## fuzz every target for FUZZ_TIME (default 20s)
	@mkdir -p $(dir $(FUZZED)); set -e; for file in $$(grep -rl --include '*_test.go' '^func Fuzz' cmd events functions infra shared | sort); do \
		for target in $$(sed -n 's/^func \(Fuzz[^(]*\).*/\1/p' $$file); do \
			echo "$$file $$target"; cd $(CURDIR)/$$(dirname $$file); \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(or $(FUZZ_TIME),20s) -fuzzminimizetime 1s . 2>&1 | tee $(FUZZED); \
			grep -q '^ok' $(FUZZED) || grep -A 1 '^--- FAIL: ' $(FUZZED) | grep -qx ' *context deadline exceeded'; \
			grep -q '^ok' $(FUZZED) || echo "the time was over, and nothing was found: go.dev/issue/75804"; \
		done; cd $(CURDIR); done

local-up: programs $(if $(EKS),$(KUBERNETES)) $(CDK) ## start the local cloud on localhost:4566 and deploy the stacks to it; EKS=1 with Kubernetes
	bin/davit local up $(if $(EKS),--eks)

local-down: ## end the local cloud; leave no process and no container
	@test ! -x bin/davit || bin/davit local down

clean: local-down ## remove everything that was built or installed here
	rm -rf bin cdk.out node_modules .local

$(CDK): package-lock.json
	npm ci --no-audit --no-fund --loglevel error
	@touch $@

$(CFN_LINT): infra/lint/requirements.txt
	$(GO) run ./cmd/python .local/lint $<
	@touch $@
