# Two commands matter: `make run` and `make test`. Both build the environment first, and skip that when it is current.
# Written for GNU make 3.81 and later.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
# The first Python that is new enough and able to make environments; PYTHON=… overrides.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	>/dev/null 2>&1 && { echo $$python; break; }; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CODE := $(wildcard carbon_stream agents tables dashboards tests bench sdk)
# pip's own network variables apply; the project itself is installed without resolving or fetching anything.
EDITABLE := install --no-deps --no-build-isolation --editable .

SDK := $(wildcard sdk/python/pyproject.toml)
NODE_SDK := $(patsubst %/package.json,%,$(wildcard sdk/node/package.json))
HAS_NODE := node -e 'const [a, b] = process.versions.node.split("."); process.exit(+(+a < 20 || (+a === 20 && +b < 19)))' \
	>/dev/null 2>&1 && command -v npm >/dev/null
NO_NODE := echo "NOT DONE: the Node.js library needs Node.js 20.19 or later and npm on the PATH (https://nodejs.org)" >&2

.PHONY: help run test test-cluster lint types imports node node-types bench chaos fuzz outage judge pictures packaging clean distclean lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## the whole service with a real Kafka and a demo stream; ARGS=… go to `carbon-stream dev`
	@exec $(BIN)/carbon-stream dev $(ARGS)

test: $(VENV)/.dev ## every test, on a real broker; ARGS=… go to pytest
	@exec $(BIN)/python -m pytest $(ARGS)

test-cluster: $(VENV)/.dev ## mesh and manifests on real Kubernetes, Istio and Envoy (built with Go, once a machine)
	@$(BIN)/python -m tests.cluster.parts $(PARTS)
	@exec $(BIN)/python -m pytest tests/cluster $(ARGS)

lint: $(VENV)/.dev ## format, lint, strict types, direction of imports
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(MAKE) types imports node-types

types: $(VENV)/.dev
	$(BIN)/mypy $(CODE)

imports: $(VENV)/.dev
	$(BIN)/lint-imports --no-cache --no-logo

node: ## the Node.js library and its tests, compiled (where Node.js is there)
ifneq ($(NODE_SDK),)
	@if $(HAS_NODE); then $(MAKE) $(NODE_SDK)/build/.made; else $(NO_NODE); fi
endif

node-types:
ifneq ($(NODE_SDK),)
	@if $(HAS_NODE); then $(MAKE) $(NODE_SDK)/node_modules/.made && cd $(NODE_SDK) && npm run --silent check; else $(NO_NODE); fi
endif

packaging: $(VENV)/.dev ## the wheel and the image's steps alone
	@exec $(BIN)/python -m pytest tests/packaging $(ARGS)

bench: $(VENV)/.dev node ## the figures of the README, measured here; ARGS=… go to the runner
	@exec $(BIN)/python -m bench $(ARGS)

chaos: $(VENV)/.dev ## faults for as long as one likes: ARGS="--seed 7 --minutes 10"
	@exec $(BIN)/python -m tests.chaos $(ARGS)

fuzz: $(VENV)/.dev ## good and broken requests of every kind for as long as one likes: ARGS="--seed 7 --minutes 10"
	@exec $(BIN)/python -m tests.fuzz $(ARGS)

outage: $(VENV)/.dev ## Kafka stopped for 60 s, and ingest killed 100 times: nothing acknowledged is lost
	@CARBON_STREAM_TEST_OUTAGE_S=60 CARBON_STREAM_TEST_KILLS=100 $(BIN)/python -m pytest \
	tests/integration/service/test_spool.py -rP $(ARGS)

pictures: $(VENV)/.dev ## pictures of the console and of the dashboards' data, from demo runs; needs Chromium, its driver and Prometheus
	@$(BIN)/python -m tests.pictures
	@exec $(BIN)/python -m tests.pictures.dashboards

judge: $(VENV)/.dev ## Kong's own schemas (goks, built with Go) judge what bootstrap sends to a gateway
	@command -v go >/dev/null || { echo "make judge needs Go (https://go.dev/dl/)" >&2; exit 1; }
	@mkdir -p .tools/kong-judge
	@cd tests/contract/kong_judge && go build -o ../../../.tools/kong-judge/judge . \
	&& go list -m -f '{{.Dir}}' github.com/kong/goks > ../../../.tools/kong-judge/sources
	@exec $(BIN)/python -m pytest tests/contract/test_gateway_by_kongs_schemas.py $(ARGS)

lock: $(VENV)/.dev ## pin the newest allowed versions again, in all lock files
	@COMPILE="$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-emit-index-url \
	--python-version 3.11 --custom-compile-command 'make lock' pyproject.toml"; \
	eval "$$COMPILE --upgrade --extra local --extra bootstrap --extra otel --group dev --output-file requirements-dev.lock" && \
	eval "$$COMPILE --constraints requirements-dev.lock --extra local --group build --output-file requirements-run.lock" && \
	eval "$$COMPILE --constraints requirements-dev.lock --extra bootstrap --extra otel --output-file requirements.lock" && \
	eval "$${COMPILE% pyproject.toml} --constraints requirements-dev.lock --group build --output-file requirements-build.lock"

clean: ## remove what builds and tests left; environment and data stay
	rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	$(if $(NODE_SDK),rm -rf $(NODE_SDK)/dist $(NODE_SDK)/build)
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and the environment
	rm -rf $(VENV) $(NODE_SDK:%=%/node_modules)

# One environment serves both; what the tests need contains what a run needs, so .dev stands for .run as well.
$(VENV)/.run: requirements-run.lock pyproject.toml $(SDK) | $(VENV)/.python
	@echo "Installing what the service needs (once) …"
	@$(PIP) install --require-hashes --requirement requirements-run.lock
	@$(PIP) $(EDITABLE) $(SDK:%/pyproject.toml=--editable %)
	@touch $@

$(VENV)/.dev: requirements-dev.lock requirements-run.lock pyproject.toml $(SDK) | $(VENV)/.python
	@echo "Installing what the tests need (once) …"
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@$(PIP) $(EDITABLE) $(SDK:%/pyproject.toml=--editable %)
	@touch $(VENV)/.run $@

ifneq ($(NODE_SDK),)
$(NODE_SDK)/node_modules/.made: $(NODE_SDK)/package.json $(NODE_SDK)/package-lock.json
	@echo "Installing what the Node.js library is built with (once) …"
	@cd $(NODE_SDK) && npm ci --ignore-scripts --loglevel=error
	@touch $@

$(NODE_SDK)/build/.made: $(NODE_SDK)/node_modules/.made $(wildcard $(addprefix $(NODE_SDK)/,*.json src/*.*ts src/*/*.ts test/*.ts))
	@cd $(NODE_SDK) && npm run --silent build
	@touch $@
endif

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "carbon-stream needs Python 3.11 or later with venv (on Debian and Ubuntu:" \
	"apt install python3-venv). None was found; name one with: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "$(PYTHON) is older than Python 3.11; name a newer one with PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV)
	@touch $@
