.PHONY: demo serve test

PYTHON ?= python3

# A verdict on two pictures, with a page of evidence; light runtime, no torch.
demo: .venv-demo/done
	.venv-demo/bin/python examples/demo.py demo

.venv-demo/done: pyproject.toml
	$(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python -m pip install --quiet --upgrade pip
	.venv-demo/bin/python -m pip install --quiet -e . scikit-image
	touch $@

# The HTTP service and its page, on this machine alone.
serve: .venv-serve/done
	.venv-serve/bin/antispoof serve

.venv-serve/done: pyproject.toml
	$(PYTHON) -m venv .venv-serve
	.venv-serve/bin/python -m pip install --quiet --upgrade pip
	.venv-serve/bin/python -m pip install --quiet -e '.[service]'
	touch $@

# Everything a change has to pass.
test: .venv-test/done
	.venv-test/bin/ruff check .
	.venv-test/bin/ruff format --check .
	.venv-test/bin/mypy
	.venv-test/bin/lint-imports
	.venv-test/bin/python -m pytest

# torch is pinned: it is the release whose CPU build pip finds; unpinned, pip fetches gigabytes of CUDA.
.venv-test/done: pyproject.toml
	$(PYTHON) -m venv .venv-test
	.venv-test/bin/python -m pip install --quiet --upgrade pip
	.venv-test/bin/python -m pip install --quiet torch==2.13.0
	.venv-test/bin/python -m pip install --quiet -e '.[train,report,service]' --group dev
	touch $@
