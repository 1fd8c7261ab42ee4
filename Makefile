.PHONY: coverage demo faults docs fuzz lint newest release serve style suite test test-quick test-web web-demo web-package wheel

PYTHON ?= python3

# A verdict on two pictures, with a page of evidence; light runtime, no torch.
demo: .venv-demo/done
	.venv-demo/bin/python examples/demo.py demo

.venv-demo/done: pyproject.toml
	$(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python -m pip install --quiet --upgrade pip
	.venv-demo/bin/python -m pip install --quiet -e '.[report]' scikit-image
	touch $@

# The HTTP service and its page, on this machine alone.
serve: .venv-serve/done
	.venv-serve/bin/antispoof serve

.venv-serve/done: pyproject.toml
	$(PYTHON) -m venv .venv-serve
	.venv-serve/bin/python -m pip install --quiet --upgrade pip
	.venv-serve/bin/python -m pip install --quiet -e '.[service]'
	touch $@

# The service under SIGKILL, full disks, a database that stops or freezes, strangers; Ray under killed actors and
# machines: some minutes.
faults: .venv-test/done
	.venv-test/bin/python tests/faults/run.py
	.venv-test/bin/python tests/faults/many_machines.py

# Minutes of random input to the service: its API by the OpenAPI document, its decoders by coverage.
fuzz: .venv-fuzz/done
	.venv-fuzz/bin/python tests/fuzz/api.py
	for entry in image measurements video voice header multipart jws; do .venv-fuzz/bin/python tests/fuzz/decoders.py $$entry || exit 1; done

.venv-fuzz/done: pyproject.toml
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/python -m pip install --quiet --upgrade pip
	.venv-fuzz/bin/python -m pip install --quiet -e '.[service]' schemathesis atheris
	touch $@

# Everything a change has to pass; ROOM=sensing runs the tests of one room.
test: lint
	$(MAKE) suite

# The tests alone.
suite: .venv-test/done
	OMP_NUM_THREADS=1 .venv-test/bin/python -m pytest -n 2 --dist loadfile $(if $(ROOM),tests/$(ROOM))

# Less than a minute: style, and the rooms that judge and measure; no types, training, simulation and service.
test-quick: style
	OMP_NUM_THREADS=1 .venv-test/bin/python -m pytest -n 2 --dist loadfile $(QUICK)

QUICK = tests/contracts/test_fusion_rules.py tests/contracts/test_modalities.py tests/data tests/evaluation \
  tests/runtime tests/scores tests/sensing

# The package for browsers, in a headless Chromium: some minutes. Without npm or Chromium it says so and skips.
test-web: .venv-test/done web-package
	@if command -v npm > /dev/null; then \
	OMP_NUM_THREADS=1 .venv-test/bin/python -m pytest tests/web tests/service/test_node_client.py; fi

# The package for browsers, in web/package/dist. Once it is there, `make test` tests it as well.
web-package:
	@if ! command -v npm > /dev/null; then echo "no npm: the package for browsers is not built"; \
	else cd web/package && npm ci --ignore-scripts --no-audit --no-fund && npm run build; fi

# A page that looks at pictures on the device, in build/web-demo; works without a network.
web-demo: .venv-demo/done web-package
	.venv-demo/bin/python tools/build_web_demo.py build/web-demo

lint: style
	.venv-test/bin/mypy

style: .venv-test/done
	.venv-test/bin/ruff check .
	.venv-test/bin/ruff format --check .
	.venv-test/bin/lint-imports

# Syntax and types for the newest Python; the others are checked for the oldest that is supported.
newest: .venv-test/done
	.venv-test/bin/ruff check --target-version py314 --ignore UP .
	.venv-test/bin/mypy --python-version 3.14

# Lines that the tests run, room by room. These rooms have to reach 92 %.
coverage: .venv-test/done
	OMP_NUM_THREADS=1 .venv-test/bin/python -m pytest -n 2 --dist loadfile --cov --cov-report=
	@for room in $$(ls -d src/antispoof/*/ | xargs -n 1 basename); do \
	  total=$$(.venv-test/bin/coverage report --format=total --precision=1 --include="*/antispoof/$$room/*" 2> /dev/null) \
	    && echo "$$room $$total %"; done
	@for room in runtime evaluation sensing service; do \
	  .venv-test/bin/coverage report --format=total --fail-under=92 --include="*/antispoof/$$room/*" > /dev/null \
	    || { echo "error: the tests run less than 92 % of $$room"; exit 1; }; done

# The documentation as a site, in site/; warnings are errors.
docs: .venv-test/done
	.venv-test/bin/python tools/build_docs.py
	.venv-test/bin/zensical build --clean --strict

# torch is pinned: it is the release whose CPU build pip finds; unpinned, pip fetches gigabytes of CUDA. pip compiles
# one file after another: all cores do it sooner, without the tests of others.
.venv-test/done: pyproject.toml
	$(PYTHON) -m venv .venv-test
	.venv-test/bin/python -m pip install --quiet --upgrade pip
	.venv-test/bin/python -m pip install --quiet --no-compile torch==2.13.0
	.venv-test/bin/python -m pip install --quiet --no-compile -e '.[train,report,client,service,telemetry,batch,fingerprint]' --group dev --group docs
	-.venv-test/bin/python -W ignore -m compileall -qq -j 0 -x /tests/ .venv-test/lib
	touch $@

# A wheel in dist/, and nothing else.
wheel: .venv-release/done
	rm -rf dist
	.venv-release/bin/python -m build --wheel

# What is published, in dist/: both archives, checked, installed and tried, with a bill of materials and checksums.
release: .venv-release/done
	rm -rf dist .venv-wheel
	.venv-release/bin/python -m build
	.venv-release/bin/twine check --strict dist/*
	$(PYTHON) tools/check_release.py contents dist/*
	$(PYTHON) -m venv --without-pip .venv-wheel
	.venv-release/bin/python -m pip --python .venv-wheel install --quiet dist/*.whl
	cd dist && ../.venv-wheel/bin/python ../tools/check_release.py installed
	version=$$(.venv-wheel/bin/python -c 'import antispoof; print(antispoof.__version__)') \
	  && sed "s/^dynamic = .*/version = \"$$version\"/" pyproject.toml > .venv-wheel/pyproject.toml \
	  && .venv-release/bin/cyclonedx-py environment --pyproject .venv-wheel/pyproject.toml --output-reproducible \
	    --output-file dist/antispoof-$$version.cdx.json .venv-wheel/bin/python
	cd dist && sha256sum * > SHA256SUMS && cat SHA256SUMS

.venv-release/done: pyproject.toml
	$(PYTHON) -m venv .venv-release
	.venv-release/bin/python -m pip install --quiet --upgrade pip
	.venv-release/bin/python -m pip install --quiet --group release
	touch $@
