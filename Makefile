# make run: a running demo.  make test: all checks.  make bench: benchmarks.  make install: .venv with .venv/bin/fairgate
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/.installed
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check --no-input
ARGS ?=

.PHONY: run install test test-fast coverage lint format messages browser bench soak clean

run: install
	@exec $(VENV)/bin/fairgate demo $(ARGS)

install: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is required; choose one with: make PYTHON=python3.11" >&2; exit 1; }
	@echo "[1/3] creating $(VENV) with $$($(PYTHON) --version) ($(PYTHON))"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "[2/3] installing $$(grep -c == requirements.lock) packages; the first time takes a minute or two"
	@$(PIP) install --no-compile --progress-bar off --require-hashes -r requirements.lock | { \
	  count=0; while read -r word name _; do case "$$word" in \
	    Collecting) count=$$((count + 1)); ((count % 10)) || echo "      $$count: $${name%%=*}" ;; \
	    Installing) echo "      unpacking" ;; \
	  esac; done; }
	@echo "[3/3] installing fairgate"
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@$(VENV)/bin/python -m compileall -qq -j 0 $(VENV)/lib || true  # faster than pip, which does not at all if PYTHONDONTWRITEBYTECODE is set
	@touch $(INSTALLED)

# Tests start hundreds of processes, each of which would compile our code if PYTHONDONTWRITEBYTECODE is set, and dozens of stores
# that wait for the disk: so their folders are in memory if there is plenty. Tests spend about a third of their time waiting for
# processes and clocks, so there are twice as many test processes as cores. tests/support/ distributes the tests.
# make test ARGS='-k gate'  make test ARGS=--profile (where the time goes)  make test ARGS=--pictures (of every page)
PROCESSES ?= 4
PYTEST = export PYTHONDONTWRITEBYTECODE= && $(VENV)/bin/python -m compileall -q fairgate app worker load tests && \
  folder=$$(df --output=avail /dev/shm 2>/dev/null | awk 'NR == 2 && $$1 > 8e6 { print "/dev/shm" }') && \
  export TMPDIR=$$(mktemp -d -p "$${folder:-$${TMPDIR:-/tmp}}" fairgate-tests-XXXXXX) && chmod 711 "$$TMPDIR" && \
  trap 'rm -rf "$$TMPDIR"' EXIT && $(VENV)/bin/python

test:
	@$(MAKE) --no-print-directory -j 2 $(VENV)/.charts tools
	@$(MAKE) --no-print-directory -j 2 --output-sync=target lint collected
	@$(PYTEST) -m pytest -n $(PROCESSES) $(ARGS)

# pytest rewrites the assertions of all test files, which takes 9 s: do it once, in parallel with the linters, not per process.
.PHONY: collected
collected: install
	@$(PYTEST) -m pytest -q --collect-only >/dev/null

# For every change. Leaves out browsers (tests/browser), failures under traffic (chaos), Redis Cluster (cluster), whole
# installations started from outside (platform), the load generator and the benchmark (load), clients in other languages
# (clients), systematic tests of every call (contract) and of attacks (security), files that take more than three seconds, tests
# marked `chaos` or `slow`, and fourteen in fifteen of the simulated sales.
WHOLE := browser chaos cluster platform load clients contract security
test-fast: install
	@export FAIRGATE_SIMULATION_SEEDS=20; $(PYTEST) -m pytest -q -n $(PROCESSES) -m 'not (chaos or slow)' --shorter-than 3 $(WHOLE:%=--ignore tests/%) $(ARGS)

# All tests with line and branch coverage, which takes half as long again. Lists the files of the engine below 95 %, and fails if
# tests/support/low_coverage.json does not say why.
coverage:
	@$(MAKE) --no-print-directory -j 2 install tools
	@mkdir -p build; rm -f .coverage .coverage.*
	@status=0; $(PYTEST) -m coverage run -m pytest -n $(PROCESSES) --timeout 300 $(ARGS) || status=$$?; \
	$(VENV)/bin/coverage combine -q; $(VENV)/bin/coverage json -q -o build/coverage.json; \
	$(VENV)/bin/python -m tests.support.coverage_report build/coverage.json || status=1; exit $$status

lint: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: install
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# Extracts the texts of templates into the catalogues app/locale/<language>/LC_MESSAGES/fairgate.po, which are read uncompiled.
messages: install
	@mkdir -p build
	@$(VENV)/bin/pybabel -q extract -F pyproject.toml -k forms:1,2 --no-location --sort-output -w 110 --project Fairgate --version 1 \
	  --copyright-holder "The Fairgate authors" --msgid-bugs-address "" -o build/fairgate.pot templates app/i18n.py
	@$(VENV)/bin/pybabel -q update -N --ignore-obsolete --ignore-pot-creation-date -w 110 -i build/fairgate.pot -D fairgate -d app/locale

# Browser tests use the system's Chromium, gate tests its proxies, client tests Node.js and PHP, and store tests Redis, Sentinel and
# PgBouncer. They are installed for root on Debian; others see what is missing and continue without it. Their services are not
# started: tests run them in their own folders. Each entry is a command, followed by a colon and its package if the name differs,
# and by a plus and further packages it needs.
TOOLS := chromium chromium-headless-shell nginx haproxy caddy apache2:apache2+lua-socket node:nodejs npm php:php-cli redis-server redis-sentinel pgbouncer \
  promtool:prometheus faketime
browser:
	@missing=$$(for it in $(TOOLS); do PATH="$$PATH:/usr/sbin" command -v $${it%:*} >/dev/null || echo $${it#*:}; done); \
	[ -z "$$missing" ] || \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing for the tests:" $$missing && apt-get update -qq && \
	    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $${missing//+/ } >/dev/null; \
	  else echo "some tests will be skipped, because these are missing (apt-get install):" $$missing >&2; fi

.PHONY: tools
tools: browser
	@$(MAKE) --no-print-directory clients/node_modules/.package-lock.json

# The tools that render and check the Helm chart.
$(VENV)/.charts: deploy/helm/requirements.lock $(INSTALLED)
	@$(PIP) install --quiet --require-hashes -r deploy/helm/requirements.lock
	@touch $@

# The chart's default as plain manifests, for those without Helm.
.PHONY: manifests
manifests: install $(VENV)/.charts
	$(VENV)/bin/helm template fairgate deploy/helm/fairgate --set existingSecret=fairgate >deploy/kubernetes/fairgate.yaml
	cp deploy/prometheus/alerts.yaml deploy/helm/fairgate/files/alerts.yaml

# The npm packages that the tests of the clients need; no install scripts are run.
clients/node_modules/.package-lock.json: clients/package-lock.json
	@if command -v npm >/dev/null; then cd clients && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null; \
	else echo "the tests of the clients for Node.js will be skipped, because npm is missing" >&2; fi

# The QR decoder of the check-in page, for browsers that have none, copied from npm; the version is in clients/package.json.
.PHONY: scripts
QR := clients/node_modules/qr
scripts: clients/node_modules/.package-lock.json
	@note="/*! qr $$(node -p "require('./$(QR)/package.json').version") by Paul Miller, MIT OR Apache-2.0 (npmjs.com/package/qr), copied by make scripts */"; \
	for it in index decode; do { echo "$$note"; sed "s#'./index.js'#'./qr-index.js'#" $(QR)/$$it.js; } > app/static/qr-$$it.js; done

# Types of the API's documents, for the clients.
.PHONY: client-types
client-types: install
	@mkdir -p build && $(VENV)/bin/python -c 'import json; from app.web.api.registry import CALLS; from app.web.api.openapi import contract; print(json.dumps(contract(CALLS)))' \
	  > build/openapi.json
	@$(VENV)/bin/python clients/generate.py build/openapi.json && $(VENV)/bin/ruff format -q clients

# Needs wrk (apt-get install wrk), and nginx for one row. make bench ARGS='--rows joins,place --quick --json figures.json'
bench: install
	@exec $(VENV)/bin/python -m load.bench $(ARGS)

# Simulated sales with new seeds, as many as requested: make soak ARGS=5000
soak: install
	@first=$$((RANDOM * 32768 + RANDOM)); echo "seeds from $$first"; \
	FAIRGATE_SIMULATION_FIRST=$$first FAIRGATE_SIMULATION_SEEDS=$(or $(ARGS),1000) \
	  $(VENV)/bin/python -m pytest -q -n 2 --timeout 0 tests/simulation/test_simulation.py

# make bench-compare A=before.json B=after.json, or: make bench-compare before.json after.json
.PHONY: bench-compare
bench-compare: install
	@exec $(VENV)/bin/python -m load.compare $(or $(strip $(A) $(B)),$(filter-out bench-compare,$(MAKECMDGOALS)))

# The newest versions of all dependencies, with the hashes of all files for all systems. deploy/ has those of the program alone,
# docs/ those that build the site. Needs uv (pip install uv). The other files take the versions of the first.
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
.PHONY: lock audit
lock:
	$(LOCK) $(ARGS) --all-extras -o requirements.lock pyproject.toml
	$(LOCK) --constraint requirements.lock --extra otel --extra stripe -o deploy/requirements.lock pyproject.toml
	$(LOCK) --constraint requirements.lock -o docs/requirements.lock --group docs
	$(LOCK) --constraint requirements.lock -o deploy/helm/requirements.lock --group charts
	$(LOCK) --constraint requirements.lock -o deploy/sbom/requirements.lock --group sbom

# Known vulnerabilities in the locked packages. Needs pip-audit (pip install pip-audit) and a network.
audit:
	pip-audit --disable-pip --require-hashes -r requirements.lock

# The image, with its version, commit and licences in labels, for this platform or the given ones (make image ARGS=...).
IMAGE ?= fairgate
.PHONY: image sbom
image: install
	docker build $(ARGS) -f deploy/Dockerfile -t $(IMAGE) --build-arg VERSION="$$($(VENV)/bin/hatchling version)" \
	  --build-arg REVISION="$$(git rev-parse HEAD)" --build-arg CREATED="$$(date -u +%FT%TZ)" --build-arg SOURCE="$(SOURCE)" .

# The image's bill of materials, as CycloneDX, in build/fairgate.cdx.json.
sbom: $(VENV)/.sbom
	@mkdir -p build
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" deploy/sbom/make.sh "$$($(VENV)/bin/hatchling version)" build/fairgate.cdx.json

$(VENV)/.sbom: deploy/sbom/requirements.lock $(INSTALLED)
	@$(PIP) install --quiet --require-hashes -r deploy/sbom/requirements.lock
	@touch $@

# Checks whether this commit can be released; with ARGS=--tagged also whether it is tagged (docs/contributing/release.md).
.PHONY: release-check
release-check: install
	@$(VENV)/bin/python -m deploy.release_check "$(VERSION)" $(ARGS)

# The documentation site, in build/site. Fails on dead links, including those to missing headings.
.PHONY: docs
docs: install
	@$(PIP) install --quiet --require-hashes -r docs/requirements.lock
	@$(VENV)/bin/python docs/generate.py --check
	@$(VENV)/bin/python docs/assemble.py build/docs
	@$(VENV)/bin/zensical build --clean --strict -f mkdocs.yml
	@echo "to view it: $(VENV)/bin/python -m http.server -d build/site 8000"

# The pages in docs/reference that are generated from the code; a test fails if they are out of date.
.PHONY: docs-reference
docs-reference: install
	$(VENV)/bin/python docs/generate.py

clean:
	rm -rf $(VENV) .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist *.egg-info
