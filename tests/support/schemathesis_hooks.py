"""A hook of Schemathesis: heads that the server itself refuses, before the service, are not its to document."""

from typing import Any
from urllib.parse import urlencode

import schemathesis

_LONGEST_QUERY = 8000


@schemathesis.hook
def filter_case(_: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    return len(urlencode(case.query or {}, doseq=True)) < _LONGEST_QUERY
