# Two commands are all that a fresh machine needs: `make run` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Many tests wait for something, so two to a core.
PYTEST := $(BIN)/pytest --numprocesses 4 --dist worksteal
PEER_VENV ?= .venv-peer

# Every process that a test starts would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test test-all lint docs pictures bench bench-peer grammar plan-eval

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

run: $(READY) ## show a workflow, a mistake in it, lowering, a parallel run, a kill and a resume
	@$(BIN)/python bench/demo.py

test: $(READY) ## the tests to run while working: few examples, without the slow ones
	$(PYTEST) -m 'not slow' $(ARGS)

test-all: $(READY) ## every test with every example, as CI does
	$(PYTEST) --hypothesis-profile ci $(ARGS)

lint: $(READY) ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

DOCS_READY := $(VENV)/.ready-docs

$(DOCS_READY): $(READY)
	$(BIN)/pip install --quiet --editable '.[dev,docs]'
	@touch $@

docs: $(DOCS_READY) ## build the site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

pictures: $(DOCS_READY) ## make the pictures of the documentation again
	$(BIN)/python docs/pictures/make.py

bench: $(READY) ## timings, as ratios measured side by side in one run
	$(BIN)/python -m bench $(ARGS)

bench-peer: $(READY) ## the same batch in pflow-cli 0.16.0, in a venv of its own
	test -x $(PEER_VENV)/bin/pflow || ($(PYTHON) -m venv $(PEER_VENV) && \
	    $(PEER_VENV)/bin/pip install --quiet 'pflow-cli==0.16.0')
	PEER=$(PEER_VENV)/bin/python $(BIN)/python -m bench

grammar: $(READY) ## write the parsing tables of grammar/template.lark
	PYTHONHASHSEED=0 $(BIN)/python grammar/tables.py

plan-eval: $(READY) ## score a model of the library llm on 40 requests: MODEL=name
	@$(BIN)/python -m bench.plan_eval --model '$(MODEL)' $(ARGS)
