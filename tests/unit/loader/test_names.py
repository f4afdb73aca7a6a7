"""Which values are names: what has one spelling, so that every count of the same line finds the same name."""

from collections.abc import Callable
from typing import Any

import pytest

Flatten = Callable[..., list[dict[str, Any]]]


@pytest.mark.parametrize(("given", "name"), [(7, "7"), (-(2**63), str(-(2**63))), (True, "true"), ("1e-7", "1e-7")])
def test_a_name_may_be_a_whole_number_or_a_boolean(flatten: Flatten, given: Any, name: str) -> None:
    (row,) = flatten({"_id": "a", "type": given, "sessionId": given, "uuid": given})
    assert (row["line_type"], row["session_id"], row["uuid"]) == (name, name, name)


@pytest.mark.parametrize("given", ["1e-7", "0.5", "1e22", "1e999", "NaN", "9" * 30, "[1]", "{}"])
def test_what_has_several_spellings_names_nothing(flatten: Flatten, given: str) -> None:
    (row,) = flatten(f'{{"type":{given},"sessionId":{given},"uuid":{given}}}')
    assert (row["line_type"], row["session_id"], row["uuid"]) == (None, None, None)
