# The commands of README.md. Each first puts in place what it needs, and only that (deploy/bare/prepare.sh).
# Arguments: make demo ARGS="--port 8001", make test ARGS="-k revoke".

PYTHON_HERE := .venv/bin/python
WORKERS ?= 3
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test coverage check bench lock messages screenshots

help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile

demo: ## everything on this machine, nothing to configure
	@deploy/bare/prepare.sh demo $(ARGS)
	$(PYTHON_HERE) manage.py demo $(ARGS)

test: ## every test, on real parts
	@deploy/bare/prepare.sh test $(ARGS)
	$(PYTHON_HERE) -m tests.run --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: ## every test, and which lines and branches they ran, also in the processes that they start
	@deploy/bare/prepare.sh test $(ARGS)
	$(PYTHON_HERE) -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder --cov --cov-report term-missing $(ARGS)

check: ## lint, types, migrations, architecture: seconds
	@deploy/bare/prepare.sh check
	$(PYTHON_HERE) -m ruff check --output-format concise .
	$(PYTHON_HERE) -m ruff format --check --output-format concise .
	$(PYTHON_HERE) -m mypy
	@mkdir -p .cache
	LYCHGATE_VAR=.cache $(PYTHON_HERE) manage.py check
	LYCHGATE_VAR=.cache $(PYTHON_HERE) manage.py makemigrations --check --dry-run
	$(PYTHON_HERE) -m pytest --quiet tests/test_architecture.py tests/test_cases.py tests/test_locks.py tests/test_tree.py tests/test_vendored.py

bench: ## what a change costs, as ratios to bare tools
	@deploy/bare/prepare.sh bench
	$(PYTHON_HERE) -m tests.bench $(ARGS)

messages: ## bring the catalogue of translations up to date; what is new in it is yours to translate, then once more
	@deploy/bare/prepare.sh messages
	$(PYTHON_HERE) manage.py makemessages --locale de
	$(PYTHON_HERE) manage.py compilemessages --locale de

screenshots: ## take the pictures of every page anew, and write docs/pages.md; ARGS="home devices" takes these alone
	@deploy/bare/prepare.sh screenshots
	$(PYTHON_HERE) -m tests.screenshots $(ARGS)

lock: ## write the locks of Python packages anew; ARGS=--upgrade takes newer versions
	@deploy/bare/prepare.sh check
	deploy/bare/lock.sh $(ARGS)
