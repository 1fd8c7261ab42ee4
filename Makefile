.PHONY: demo fuzz serve test

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

# Minutes of random input to the service: its API by the OpenAPI document, its decoders by coverage.
fuzz: .venv-fuzz/done
	.venv-fuzz/bin/python tests/fuzz/api.py
	for entry in image voice header multipart jws; do .venv-fuzz/bin/python tests/fuzz/decoders.py $$entry || exit 1; done

.venv-fuzz/done: pyproject.toml
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/python -m pip install --quiet --upgrade pip
	.venv-fuzz/bin/python -m pip install --quiet -e '.[service]' schemathesis atheris
	touch $@

# Everything a change has to pass.
test: .venv-test/done
	.venv-test/bin/ruff check .
	.venv-test/bin/ruff format --check .
	.venv-test/bin/mypy
	.venv-test/bin/lint-imports
	OMP_NUM_THREADS=1 .venv-test/bin/python -m pytest -n 2 --dist loadfile

# torch is pinned: it is the release whose CPU build pip finds; unpinned, pip fetches gigabytes of CUDA.
.venv-test/done: pyproject.toml
	$(PYTHON) -m venv .venv-test
	.venv-test/bin/python -m pip install --quiet --upgrade pip
	.venv-test/bin/python -m pip install --quiet torch==2.13.0
	.venv-test/bin/python -m pip install --quiet -e '.[train,report,service]' --group dev
	touch $@
