"""How far a transcript has been read: whatever the file system says of the file."""

import os
from pathlib import Path

import bson
import pytest

from records.file_state import FileState


def _stat(seconds: int) -> os.stat_result:
    return os.stat_result((0o100644, 7, 1, 1, 0, 0, 10, 0, seconds, 0), {"st_mtime_ns": seconds * 10**9})


@pytest.mark.parametrize("seconds", [0, -(2**33), 2**33, 2**40, -(2**40), 2**62])
def test_a_file_of_any_date_has_a_state_that_every_database_takes(seconds: int) -> None:
    state = FileState.new("laptop", Path("/t"), "p/s.jsonl", "file")
    state.saw(_stat(seconds))
    assert state.is_current(_stat(seconds))
    again = FileState.from_document(bson.decode(bson.encode(state.to_document())))
    assert again.is_current(_stat(seconds))
