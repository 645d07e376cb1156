.DEFAULT_GOAL := help
.PHONY: help install run test check format lock

PDM := .pdm/bin/pdm
PYTHON := .venv/bin/python
INSTALLED := .venv/.installed

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## set everything up: PDM in .pdm, Python 3.13 and the locked dependencies in .venv

run: $(INSTALLED) ## serve on http://127.0.0.1:8000 with an embedded PostgreSQL
	@exec .venv/bin/todo-api run

test: check ## the whole gate: format, lint, types, import contract, audit, all tests
	$(PYTHON) -m pytest -n 2

check: $(INSTALLED) ## the gate without the tests
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports --no-logo 2>&1 | tail -n 3
	scripts/audit

format: $(INSTALLED) ## format, and mend what the linter can mend
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

lock: $(PDM) ## resolve the dependencies anew
	$(PDM) lock -G :all --update-reuse
	@! grep -n '://' pdm.lock

$(PDM):
	scripts/install-pdm

$(INSTALLED): pyproject.toml pdm.lock | $(PDM)
	scripts/install-dependencies
	@touch $@
