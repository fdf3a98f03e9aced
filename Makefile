# Each target sets up what it needs, in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run studio test check format clean

run: .venv/app.stamp
	$(BIN)/python app.py

# make studio DATA=folder
studio: .venv/dev.stamp
	$(BIN)/python -m training studio $(if $(DATA),--data "$(DATA)")

# On two cores, a file's tests on one of them: they share what they have made.
test: .venv/dev.stamp
	$(BIN)/python -m pytest -n 2 --dist loadfile

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

.venv/app.stamp: requirements.txt | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/dev.stamp: requirements.txt requirements-dev.txt | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@ .venv/app.stamp
