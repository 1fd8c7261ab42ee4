"""What is deployed fits what is built: files against their schemas and the service that they start."""

from __future__ import annotations

import copy
import json
import re
import shlex
from pathlib import Path
from typing import Any

import check_jsonschema
import kubernetes_validate
import pytest
import yaml
from jsonschema import ValidationError
from jsonschema.validators import validator_for

from antispoof.service.app import ROUTERS
from antispoof.service.metrics import Metrics
from antispoof.service.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
OBJECTS = list(yaml.safe_load_all((DEPLOY / "kubernetes/antispoof.yaml").read_text()))
BY_KIND = {each["kind"]: each for each in OBJECTS}
POD = BY_KIND["Deployment"]["spec"]["template"]


@pytest.mark.parametrize("version", ["1.30", "1.37"])
@pytest.mark.parametrize("manifest", OBJECTS, ids=lambda each: each["kind"])
def test_manifests_obey_their_schemas(manifest: Any, version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schema_checker_finds_mistakes() -> None:
    broken = copy.deepcopy(BY_KIND["Deployment"])
    broken["spec"]["template"]["spec"]["containers"][0]["livenessProb"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.37", strict=True)


def test_manifests_fit_together_and_the_service() -> None:
    assert set(BY_KIND) >= {"Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"}
    labels = POD["metadata"]["labels"].items()
    for selector in (
        BY_KIND["Deployment"]["spec"]["selector"]["matchLabels"],
        BY_KIND["Service"]["spec"]["selector"],
        BY_KIND["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels
    (container,) = POD["spec"]["containers"]
    paths = {getattr(route, "path", "") for router in ROUTERS for route in router.routes}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] in paths
        assert container[probe]["httpGet"]["port"] == container["ports"][0]["name"]
    volumes = {volume["name"] for volume in POD["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    scaler = BY_KIND["HorizontalPodAutoscaler"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == BY_KIND["Deployment"]["metadata"]["name"]
    metric = scaler["metrics"][0]["pods"]
    assert f"\n{metric['metric']['name']} " in Metrics().text().decode()
    most = Settings().inference_threads + Settings().queue_length
    assert 1 <= int(metric["target"]["averageValue"]) < most
    assert BY_KIND["PodDisruptionBudget"]["spec"]["minAvailable"] < scaler["minReplicas"]


def test_compose_obeys_its_schema_and_starts_a_service_that_is_set() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    folder = Path(check_jsonschema.__file__).parent / "builtin_schemas/vendor"
    schema = json.loads((folder / "compose-spec.json").read_text())
    checker = validator_for(schema)(schema)
    checker.validate(compose)
    with pytest.raises(ValidationError):
        checker.validate({**compose, "services": {"x": {"imag": "y"}}})
    service = compose["services"]["antispoof"]
    named = [volume.split(":")[0] for volume in service["volumes"]]
    assert set(named) <= set(compose["volumes"])
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists()
    settings = Settings(**yaml.safe_load(compose["configs"]["service"]["content"]))
    assert settings.database_url.split("@")[1].split("/")[0] in compose["services"]


def test_settings_of_the_manifests_are_settings() -> None:
    settings = Settings(**yaml.safe_load(BY_KIND["ConfigMap"]["data"]["service.yaml"]))
    (container,) = POD["spec"]["containers"]
    assert str(settings.state) in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_the_container_file_copies_what_there_is_and_starts_what_there_is(run: Any) -> None:
    text = (DEPLOY / "Containerfile").read_text()
    for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.M):
        for source in shlex.split(sources):
            assert (DEPLOY.parent / source).exists(), source
    words = json.loads(re.search(r"^ENTRYPOINT (.*)$", text, re.M)[1])  # type: ignore[index]
    assert words[:2] == ["antispoof", "serve"]
    _, out, _ = run("serve", "--help")
    assert all(word in out for word in words if word.startswith("--"))
    assert f"USER {POD['spec']['securityContext']['runAsUser']}\n" in text
