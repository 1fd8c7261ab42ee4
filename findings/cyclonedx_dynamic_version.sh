#!/usr/bin/env bash
# cyclonedx-py leaves the version of the product itself out of the bill of materials, without a word, where
# pyproject.toml states it as `dynamic`, though the very environment that it describes has the package installed with
# its version; and `--pyproject` takes that package out of the list of components as well. So the one version that a
# bill of a release must name is nowhere in it.
# Seen with cyclonedx-bom 7.5.0, hatchling 1.33.0.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv tools
tools/bin/pip install --quiet cyclonedx-bom==7.5.0 hatchling==1.33.0 2> /dev/null

mkdir -p thing/src/thing
echo '__version__ = "1.2.3"' > thing/src/thing/__init__.py
cat > thing/pyproject.toml <<'TOML'
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "thing"
dynamic = ["version"]
[tool.hatch.version]
path = "src/thing/__init__.py"
TOML
tools/bin/pip install --quiet --no-build-isolation ./thing 2> /dev/null
tools/bin/pip list 2> /dev/null | grep '^thing'
tools/bin/cyclonedx-py environment --pyproject thing/pyproject.toml --output-file bill.json tools/bin/python 2> /dev/null

tools/bin/python - <<'PYTHON'
import json

bill = json.load(open("bill.json"))
root = bill["metadata"]["component"]
listed = [part["version"] for part in bill["components"] if part["name"] == "thing"]
print("cyclonedx-bom 7.5.0: root component", root["name"], "version", root.get("version"), "- listed as a component:", listed)
assert root["name"] == "thing" and "version" not in root, "it states the version now"
assert listed == [], "it lists the package now"
assert "1.2.3" not in json.dumps(bill)
PYTHON
