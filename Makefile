# Each target sets up what it needs, in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run studio test check format lock audit fuzz load kill clean

run: .venv/app.stamp
	$(BIN)/python app.py

# make studio DATA=folder
studio: .venv/all.stamp
	$(BIN)/python -m training studio $(if $(DATA),--data "$(DATA)")

# On two cores; a file's tests on one of them, since they share what they have made, and the files in
# the order that tests/conftest.py gives them.
test: .venv/dev.stamp
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Writes the lock anew after a change of the requirements; make lock UPGRADE=1 takes the newest of
# what they leave open. A package has one version in all files: the one that a Space can install.
lock: .venv/dev.stamp
	$(COMPILE) requirements-space.txt -o requirements-space.lock
	$(COMPILE) requirements-dev.txt -c requirements-space.lock -o requirements-dev.lock
	$(COMPILE) requirements.txt -c requirements-dev.lock -o requirements.lock
	$(COMPILE) requirements-page.txt -c requirements-dev.lock -o requirements-page.lock
	$(COMPILE) requirements-archive.txt -c requirements-dev.lock -o requirements-archive.lock
	$(COMPILE) requirements-mcp.txt -c requirements-dev.lock -o requirements-mcp.lock

# Known vulnerabilities of what is locked; fails also where a package could not be looked up.
audit: .venv/dev.stamp
	$(AUDIT) -r requirements-dev.lock
	$(AUDIT) -r requirements-space.lock

# make fuzz MINUTES=30; what it finds is in runs/fuzz
fuzz: .venv/dev.stamp
	$(BIN)/python -m tests.fuzz $(or $(MINUTES),5)

# make load MINUTES=30 CLIENTS=50; prints what came of it, and fails if a goal was missed
load: .venv/dev.stamp
	$(BIN)/python -m tests.load $(or $(MINUTES),3) $(or $(CLIENTS),50)

# make kill ROUNDS=100; kills each command that writes this often, before and within its changes
kill: .venv/dev.stamp
	CXR_KILL_ROUNDS=$(or $(ROUNDS),20) $(BIN)/python -m pytest tests/test_kill.py tests/test_kill_fits.py

clean:
	rm -rf .venv

$(BIN)/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed"'
	$(PYTHON) -m venv .venv

# Packages of the lock alone, each checked by its hash.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --custom-compile-command "make lock" \
	$(if $(UPGRADE),--upgrade)
AUDIT := $(BIN)/uv tool run pip-audit@2.10.1 --strict --disable-pip --require-hashes

.venv/app.stamp: requirements-page.lock | $(BIN)/python
	$(INSTALL) requirements-page.lock
	touch $@

.venv/all.stamp: requirements.lock | $(BIN)/python
	$(INSTALL) requirements.lock
	touch $@ .venv/app.stamp

.venv/dev.stamp: requirements-dev.lock | $(BIN)/python
	$(INSTALL) requirements-dev.lock
	touch $@ .venv/app.stamp .venv/all.stamp
