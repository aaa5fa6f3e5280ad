# make run needs Python 3.11 or newer with venv, make and git. Nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
export PORT

.PHONY: run test lint races faults bench fix messages requirements

run: $(VENV)/runtime.stamp
	@DEBUG=$${DEBUG:-1} $(BIN)/python manage.py compile_translations
	@DEBUG=$${DEBUG:-1} $(BIN)/python manage.py migrate --verbosity 0
	@DEBUG=$${DEBUG:-1} $(BIN)/python manage.py demo
	@DEBUG=$${DEBUG:-1} exec $(BIN)/python manage.py serve

test: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.databases

lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	git ls-files -z 'templates/*.html' | xargs -0 $(BIN)/djade --target-version 5.2 --check
	$(BIN)/lint-imports
	DEBUG=1 $(BIN)/mypy

fix: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	git ls-files -z 'templates/*.html' | xargs -0 $(BIN)/djade --target-version 5.2

races: $(VENV)/dev.stamp
	RACES=$${RACES:-full} $(BIN)/python -m tests.databases tests/races

faults: $(VENV)/dev.stamp
	$(BIN)/python -m tests.faults

# BENCH=--quick for two minutes instead of half an hour; python -m bench --help tells the rest.
bench: $(VENV)/dev.stamp
	$(BIN)/python -m bench $(BENCH)

messages: $(VENV)/dev.stamp
	DEBUG=1 $(BIN)/python manage.py makemessages --all --no-obsolete --add-location file \
		--ignore '.venv' --ignore 'tests' --ignore 'staticfiles'
	DEBUG=1 $(BIN)/python manage.py compile_translations

# Needs uv. The ranges are in pyproject.toml; these two files hold the pins and their hashes. Extras are pinned
# with them: pip takes `coverage[toml]` of a package for unpinned as soon as a newer coverage exists.
COMPILE = uv pip compile pyproject.toml --python-version 3.11 --custom-compile-command "make requirements" \
	--no-emit-index-url --no-annotate --generate-hashes --no-strip-extras --upgrade --quiet
requirements:
	$(COMPILE) --output-file requirements.txt
	$(COMPILE) --group dev --output-file requirements-dev.txt

$(VENV)/python.stamp:
	@command -v $(PYTHON) >/dev/null || { echo "Missing: python3 (3.11 or newer)."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Missing: Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). PYTHON=python3.12 make run names another."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
		|| { echo "Missing: Python's venv module (Debian, Ubuntu: apt install python3-venv)."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/runtime.stamp: requirements.txt | $(VENV)/python.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements.txt requirements-dev.txt $(VENV)/runtime.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
