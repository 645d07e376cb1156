"""The service keeps its OpenAPI document for generated requests (Schemathesis)."""

from pathlib import Path

from tests.support.schemathesis_run import cases_of, schemathesis
from tests.support.service import Service


def test_the_document_and_the_service_agree(service: Service, tmp_path: Path) -> None:
    done = schemathesis(service.url, tmp_path, examples=3, seed=1)
    assert done.returncode == 0, done.stdout
    assert cases_of(done) > 300, done.stdout
