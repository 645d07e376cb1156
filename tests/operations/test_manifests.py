"""The files in deploy/ fit the published schemas, the service and its image."""

import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from todo_api.auth.middleware import PUBLIC
from todo_api.config.settings import VARIABLES
from todo_api.observability.metrics import EVENTS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
MANIFESTS = [file for file in sorted(KUBERNETES.rglob("*.yaml")) if file.name != "kustomization.yaml"]
CONTAINERFILE = (ROOT / "Containerfile").read_text()
SECRETS = {"DATABASE_URL", "BETTER_AUTH_SECRET", "METRICS_TOKEN"}


def manifest(name: str) -> Any:
    return yaml.safe_load((KUBERNETES / name).read_text())


def pod(name: str) -> Any:
    return manifest(name)["spec"]["template"]["spec"]


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.mark.parametrize("version", ["1.32", "1.37"])
@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem)
def test_a_manifest_fits_the_schema_of_kubernetes(file: Path, version: str) -> None:
    kubernetes_validate.validate(yaml.safe_load(file.read_text()), version, strict=True)


def test_a_wrong_manifest_does_not_fit() -> None:
    wrong = manifest("deployment.yaml")
    wrong["spec"]["template"]["spec"]["containers"][0]["port"] = 8000
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


def test_every_manifest_is_deployed() -> None:
    for directory in (KUBERNETES, KUBERNETES / "migrate"):
        here = {file.name for file in directory.glob("*.yaml")} - {"kustomization.yaml"}
        kustomization = yaml.safe_load((directory / "kustomization.yaml").read_text())
        assert set(kustomization["resources"]) == here
        (image,) = kustomization["images"]
        assert image["name"] == "todo-api"
    service, migrate = (yaml.safe_load((KUBERNETES / f"{d}kustomization.yaml").read_text()) for d in ("", "migrate/"))
    assert service["images"] == migrate["images"], "the migration must be that of the version that is rolled out"


def test_the_compose_file_fits_the_specification() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    validator.validate(compose())
    assert not validator.is_valid({"services": {"api": {"imagee": "x"}}})


def test_compose_allows_the_same_browser_origins_everywhere() -> None:
    """tests/auth/better_auth/test_compose.py sends requests with these settings."""
    services = compose()["services"]
    origins = services["api"]["environment"]["ALLOWED_ORIGINS"]
    assert origins == services["better-auth"]["environment"]["TRUSTED_ORIGINS"]
    assert re.fullmatch(r"\$\{BROWSER_ORIGINS:-(.+)\}", origins)


def test_the_manifests_set_only_settings_that_exist() -> None:
    names = set(re.findall(r"^([A-Z_]+)=", (KUBERNETES / "settings.env").read_text(), re.MULTILINE))
    for name in ("deployment.yaml", "migrate/job.yaml"):
        names |= {each["name"] for each in pod(name)["containers"][0]["env"]}
    for service in ("api", "migrate"):
        names |= set(compose()["services"][service]["environment"])
    assert names <= set(VARIABLES)
    assert names >= SECRETS


def test_secrets_are_set_by_reference() -> None:
    assert not SECRETS & set(re.findall(r"^([A-Z_]+)=", (KUBERNETES / "settings.env").read_text(), re.MULTILINE))
    for name in ("deployment.yaml", "migrate/job.yaml"):
        for each in pod(name)["containers"][0]["env"]:
            assert (each["name"] in SECRETS) == ("secretKeyRef" in each.get("valueFrom", {})), each


@pytest.mark.parametrize("name", ["deployment.yaml", "migrate/job.yaml"])
def test_the_pods_run_without_privileges(name: str) -> None:
    (container,) = pod(name)["containers"]
    user = int(re.findall(r"^USER (\d+):\d+$", CONTAINERFILE, re.MULTILINE)[0])
    assert pod(name)["securityContext"]["runAsUser"] == user >= 10000
    assert pod(name)["securityContext"]["runAsNonRoot"]
    assert pod(name)["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert container["resources"]["limits"]["memory"]


def test_the_network_policy_selects_only_our_pods() -> None:
    """Kustomize adds no label to an empty selector, which would select all pods of the namespace."""
    selector = manifest("network-policy.yaml")["spec"]["podSelector"]["matchLabels"]
    assert selector == {"app.kubernetes.io/name": "todo-api"}
    for name in ("deployment.yaml", "migrate/job.yaml"):
        assert selector.items() <= manifest(name)["spec"]["template"]["metadata"]["labels"].items()


def test_the_ingress_leads_to_the_service_and_passes_streams_on() -> None:
    ingress = manifest("ingress.yaml")
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    service = manifest("service.yaml")
    assert path["backend"]["service"]["name"] == service["metadata"]["name"]
    assert path["backend"]["service"]["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}
    assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]
    annotations = ingress["metadata"]["annotations"]
    assert annotations["nginx.org/proxy-buffering"] == "False"
    assert annotations["nginx.org/proxy-read-timeout"] == annotations["nginx.org/proxy-send-timeout"] == "1h"


def test_the_ingress_controller_bounds_slow_heads_like_the_service() -> None:
    config = manifest("nginx/config-map.yaml")
    directives = dict(re.findall(r"^(\w+) (.*);$", config["data"]["http-snippets"], re.MULTILINE))
    server = (ROOT / "src/todo_api/cli/server.py").read_text()
    milliseconds = int(re.findall(r"_HEADER_MILLISECONDS: Final = (\d+)", server)[0])
    assert directives["client_header_timeout"] == f"{milliseconds // 1000}s"
    assert directives["large_client_header_buffers"] == "4 16k", "a token may have 8 KiB"
    admitted = manifest("network-policy.yaml")["spec"]["ingress"][0]["from"][0]["namespaceSelector"]
    assert config["metadata"]["namespace"] in admitted["matchExpressions"][0]["values"]


def test_the_probes_request_public_paths_of_the_service() -> None:
    (container,) = pod("deployment.yaml")["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] in PUBLIC
    assert container["livenessProbe"]["httpGet"]["path"] == "/health", (
        "an unreachable database must not restart replicas"
    )
    assert container["ports"][0]["containerPort"] == int(re.findall(r"^EXPOSE (\d+)$", CONTAINERFILE, re.MULTILINE)[0])
    wait = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = int(re.findall(r"_STOP_SECONDS: Final = (\d+)", (ROOT / "src/todo_api/cli/server.py").read_text())[0])
    assert pod("deployment.yaml")["terminationGracePeriodSeconds"] > wait + drain


def test_alerts_and_dashboard_use_metrics_that_exist() -> None:
    source = (ROOT / "src/todo_api/observability/metrics.py").read_text()
    there = {name for name, _ in EVENTS.values()} | set(re.findall(r'"(todo_api_\w+)"', source))
    dashboard = json.loads((DEPLOY / "grafana/todo-api.json").read_text())
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text())["groups"][0]["rules"]
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    for expression in [*shown, *(rule["expr"] for rule in rules)]:
        names = re.findall(r"\btodo_api_\w+", expression)
        assert names
        assert {re.sub(r"_(total|bucket)$", "", name) for name in names} <= there, expression
    missing = {name for name in there if not any(name in expression for expression in shown)}
    assert not missing, "every metric is on the dashboard"


def test_every_alert_is_explained() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text())["groups"][0]["rules"]
    explained = re.findall(r"^\| `(TodoApi\w+)` \|", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    assert explained == [rule["alert"] for rule in rules]


def test_the_image_is_built_from_the_lock_and_has_a_health_check() -> None:
    assert CONTAINERFILE.count("pdm sync --prod") == 2
    assert "ENVIRONMENT=production" in CONTAINERFILE
    assert re.search(r"^HEALTHCHECK .*\\\n +CMD \[\"python3\"", CONTAINERFILE, re.MULTILINE)
    assert "STOPSIGNAL SIGTERM" in CONTAINERFILE
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = set(re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINERFILE, re.MULTILINE))
    assert {name for names in copied for name in names.split()} == allowed
    for name in allowed:
        assert (ROOT / name).exists()


@pytest.mark.parametrize(
    ("script", "requirements"),
    [("scripts/install-pdm", "scripts/pdm-requirements.txt"), (".ci/run", ".ci/node-requirements.txt")],
)
def test_pip_installs_only_files_with_a_known_hash(script: str, requirements: str) -> None:
    installs = re.findall(r"pip install (.*)", (ROOT / script).read_text())
    assert [f"--require-hashes -r {requirements}" in options for options in installs] == [True]
    packages = re.split(
        r"\n(?=\w)", re.sub(r"^#.*\n", "", (ROOT / requirements).read_text(), flags=re.MULTILINE).strip()
    )
    assert all(re.match(r"[\w.-]+(\[\w+\])?==[\w.]+", package) for package in packages)
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", package) for package in packages)


def test_the_base_image_can_be_given_by_digest() -> None:
    assert set(re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)) == {"${PYTHON}"}
    assert CONTAINERFILE.count("ARG PYTHON=") == 1


def test_the_proof_is_of_this_containerfile() -> None:
    """`scripts/prove_container.py` builds and runs the image, and records the hash of its Containerfile."""
    tried = re.findall(r"^Containerfile +sha256:(\w+)$", (DEPLOY / "container-proof.txt").read_text(), re.MULTILINE)
    assert tried == [hashlib.sha256(CONTAINERFILE.encode()).hexdigest()], "run scripts/prove_container.py"
