# Each target sets up what it needs, in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run studio test check format clean

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

clean:
	rm -rf .venv

$(BIN)/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed"'
	$(PYTHON) -m venv .venv

INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -r

.venv/app.stamp: requirements-page.txt | $(BIN)/python
	$(INSTALL) requirements-page.txt
	touch $@

.venv/all.stamp: requirements.txt requirements-page.txt requirements-training.txt | $(BIN)/python
	$(INSTALL) requirements.txt
	touch $@ .venv/app.stamp

.venv/dev.stamp: requirements-dev.txt requirements-archive.txt .venv/all.stamp
	$(INSTALL) requirements-dev.txt
	touch $@
