"""Fuzzes an HTTP service by its OpenAPI description: each operation gets requests that it allows, and others."""

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)


def fuzz(description: Any, headers: dict[str, str]) -> int:
    """Send the requests and check each answer: no server error, nothing that the description hides.

    Returns how many operations there were.
    """
    operations = [result.ok() for result in description.get_all_operations()]
    for operation in operations:
        _fuzz(operation, GenerationMode.POSITIVE, headers)
        with suppress(Unsatisfiable):  # an operation that takes nothing cannot be given anything wrong
            _fuzz(operation, GenerationMode.NEGATIVE, headers)
    return len(operations)


def _fuzz(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> None:
    @QUICK
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.call_and_validate(headers=headers)

    check()
