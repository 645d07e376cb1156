"""The tests of the features, on the cluster."""

import pytest

from tests.features.tasks import test_list_oracle
from tests.features.undo import test_model
from tests.support.repeated import repeat

repeat(
    "features",
    globals(),
    left_out={
        "test_health": "It breaks databases of its own, in ways that need no cluster.",
        "test_browser": "It tests how a browser reads a stream, which needs no cluster.",
        "test_end": "It tests ends and limits of streams in a worker. Its reads are those of `test_stream`.",
        "test_restored": "It restores databases of its own. A backup of a cluster is one of each node.",
    },
)


@pytest.fixture(autouse=True)
def fewer_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of random queries: `test_routing` looks at the plans of all of them."""
    monkeypatch.setattr(test_list_oracle, "EXAMPLES", 10)
    monkeypatch.setattr(test_model, "EXAMPLES", 5)
