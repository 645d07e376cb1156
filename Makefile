.DEFAULT_GOAL := help
.PHONY: help install run test check format bench load growth cluster generators lock node client docs-assets

PDM := .pdm/bin/pdm
PYTHON := .venv/bin/python
INSTALLED := .venv/.installed
PACKAGES := node_modules/.installed
BENCH = $(PDM) sync --quiet -G dev -G embedded -G tracing -G bench && scripts/install-service-alone
NODE := clients/typescript/$(PACKAGES) tests/auth/better_auth/$(PACKAGES)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## install PDM in .pdm, and Python 3.13 and the locked dependencies in .venv

run: $(INSTALLED) ## serve on http://127.0.0.1:8000 with an embedded PostgreSQL
	@exec .venv/bin/todo-api run

test: check ## run all checks (format, lint, types, imports, known vulnerabilities) and all tests
	$(if $(shell command -v npm),@$(MAKE) --no-print-directory node docs-assets || [ "$$CI" != true ])
	$(PYTHON) -m pytest -n 4 --dist worksteal

check: $(INSTALLED) ## run all checks without the tests
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	scripts/format-functions --check
	@out=$$(.venv/bin/lint-imports --no-logo 2>&1) || { echo "$$out"; exit 1; }
	scripts/audit

format: $(INSTALLED) ## format the code, and apply the linter's automatic fixes
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .
	scripts/format-functions

node: $(NODE) ## install the Node packages for the tests: Better Auth, tools of the typed client

docs-assets: src/todo_api/openapi/scalar.js.gz ## download Scalar's script, so that /docs needs no CDN

client: clients/typescript/$(PACKAGES) ## generate the types of the typed client from the OpenAPI document
	.venv/bin/todo-api openapi --output tests/architecture/openapi.json
	npm --prefix clients/typescript run --silent generate

bench: $(INSTALLED) benchmarks/compare/fastify/$(PACKAGES) ## compare CPU time with a bare ASGI app, Fastify and FastAPI: 8 minutes
	$(BENCH)
	$(PYTHON) -m benchmarks.compare.run

load: $(INSTALLED) ## measure 1000 users at once with Locust: 3 minutes
	$(BENCH)
	$(PYTHON) -m benchmarks.load.run

growth: $(INSTALLED) ## measure how cost grows with users and tasks: 5 minutes
	$(BENCH)
	$(PYTHON) -m benchmarks.growth.run

cluster: $(INSTALLED) ## measure a Citus cluster beside a plain PostgreSQL: 6 minutes
	$(BENCH)
	$(PYTHON) -m benchmarks.cluster.run

generators: $(INSTALLED) .generators/.installed ## try the generators of clients, and write docs/generators.md: 2 minutes
	PATH="$(CURDIR)/.generators/bin:$$PATH" $(PYTHON) -m tests.openapi.generators.run

lock: $(PDM) ## resolve the dependencies again
	$(PDM) lock -G :all --update-reuse
	@! grep -n '://' pdm.lock

$(PDM):
	scripts/install-pdm

$(INSTALLED): pyproject.toml pdm.lock | $(PDM)
	scripts/install-dependencies
	@touch $@

%/$(PACKAGES): %/package-lock.json
	scripts/install-node-packages $*

.generators/.installed: tests/openapi/generators/requirements.txt tests/openapi/generators/package-lock.json
	scripts/install-generators

src/todo_api/openapi/scalar.js.gz: src/todo_api/openapi/scalar.py scripts/fetch-scalar
	scripts/fetch-scalar
