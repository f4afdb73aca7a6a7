"""Kinds of history that counters get wrong, each with small lines and the figure that is right.

One database holds them all; each has sessions and projects that no other has.
"""

import json
from collections import defaultdict
from contextlib import closing
from itertools import count
from typing import Any

import pytest

from tests.integration.warehouse import Line, Warehouse, answer, in_file, prompt

MARTS = ("+agg_session_metrics", "+agg_data_quality", "+dim_sessions", "+dim_projects", "+agg_tool_efficiency")
_minutes = count()


def said(session: str, text: str = "hi", **more: Any) -> Line:
    line = prompt(session, next(_minutes))
    line["uuid"] = f"{session}-{line['uuid']}-{text[:9]}"
    return line | {"cwd": f"/home/me/{session}", "message": {"role": "user", "content": text}} | more


def tool(session: str, name: str, given: Any, content: Any = "ok", **more: Any) -> list[Line]:
    """A call and its result, with what stands beside the result."""
    tool_id = f"{session}-{next(_minutes)}"
    block = {"type": "tool_use", "id": tool_id, "name": name, "input": given}
    asked = answer(f"m-{tool_id}", session=session, minute=next(_minutes), content=[block], stop_reason="tool_use")
    told = {"type": "tool_result", "tool_use_id": tool_id, "content": content, "is_error": more.pop("is_error", False)}
    return [asked, said(session) | {"message": {"role": "user", "content": [told]}} | more]


def titled(session: str, kind: str, **more: Any) -> Line:
    return {"type": kind, "sessionId": session} | more


def notebook(mode: str, source: str) -> Line:
    cells = [{"id": "c1", "source": ["import os\n", "import sys\n"]}, {"id": "c2", "source": "x = 1"}]
    book = json.dumps({"cells": cells})
    found = {
        "notebook_path": "/w/a.ipynb",
        "edit_mode": mode,
        "new_source": source,
        "cell_id": "c1",
        "original_file": book,
    }
    return {"toolUseResult": found}


FULL = "whole output " * 20
CLEARED = "[Old tool result content cleared]"
SUMMARY = "This session is being continued from a previous conversation that ran out of context."


def cleared() -> tuple[list[Line], list[Line]]:
    """A transcript that was written again with the old outputs cleared, beside what it was before."""
    asked, told = tool("rewritten", "Bash", {"command": "make"}, FULL)
    later = json.loads(json.dumps(told).replace(FULL, CLEARED))
    return [asked, told], [asked, later]


BEFORE, AFTER = cleared()
BOUNDARY = said("bounded", subtype="compact_boundary", type="system")
HISTORY: dict[str, list[Line]] = {
    "-w/plain.jsonl": [said("old"), said("old", SUMMARY, isCompactSummary=True)],
    "-w/bounded.jsonl": [BOUNDARY, said("bounded", SUMMARY, isCompactSummary=True, parentUuid=BOUNDARY["uuid"])],
    "-w/reads.jsonl": [
        *tool("reads", "Read", {"file_path": "/w/there.py"}, "1 x = 1"),
        *tool("reads", "Read", {"file_path": "/w/gone.py"}, "File does not exist.", is_error=True),
        *tool("reads", "NotebookRead", {"notebook_path": "/w/no.ipynb"}, "Not a notebook", is_error=True),
    ],
    "-w/titles.jsonl": [
        said("titles"),
        titled("titles", "custom-title", customTitle="First name"),
        titled("titles", "custom-title", customTitle="Second name"),
        titled("titles", "ai-title", aiTitle="What Claude calls it"),
    ],
    "-w/leaf.jsonl": [leaf := said("leaf")],
    "-w/later.jsonl": [titled("elsewhere", "summary", summary="Summed up later", leafUuid=leaf["uuid"])],
    "-w/notebooks.jsonl": [
        *tool("replaced", "NotebookEdit", {"edit_mode": "replace"}, **notebook("replace", "a\nb\nc")),
        *tool("deleted", "NotebookEdit", {"edit_mode": "delete"}, **notebook("delete", "")),
        *tool("failed", "NotebookEdit", {"new_source": "a\nb"}, "No such cell", is_error=True),
    ],
    "-w/rewound.jsonl": [
        start := said("rewound"),
        answer("left", 5, session="rewound", minute=next(_minutes), stop_reason="end_turn")
        | {"parentUuid": start["uuid"]},
        answer("right", 7, session="rewound", minute=next(_minutes), stop_reason="end_turn")
        | {"parentUuid": start["uuid"]},
        answer("again", 9, session="rewound", minute=next(_minutes), stop_reason="end_turn")
        | {"parentUuid": start["uuid"]},
    ],
    "-w/rewritten.jsonl": BEFORE,
    "-w/rewritten-2.jsonl": AFTER,
    "-w/paths.jsonl": [
        *tool("paths", "Edit", {"file_path": "D:\\shop\\src\\a.py"}),
        *tool("paths", "Write", {"file_path": "d:/shop/src/a.py"}),
        *tool("paths", "Edit", {"file_path": "d:\\shop\\src/b.py"}),
    ],
    "-w/drives.jsonl": [said("drive-1", cwd="E:\\work\\shop"), said("drive-2", cwd="e:/work/shop/")],
    "-w/inputs.jsonl": [
        *tool("inputs", "Bash", {"command": ["git", "commit"]}),
        *tool("inputs", "Read", {"file_path": 5}),
        *tool("inputs", "Edit", "text"),
        *tool("inputs", "Grep", None),
    ],
    "-w/nulls.jsonl": [
        answer("n", session="nulls", minute=next(_minutes), usage={"input_tokens": "12", "output_tokens": None}),
        answer("n", session="nulls", minute=next(_minutes), usage={"input_tokens": 3.0, "output_tokens": "x"}),
    ],
}
DAMAGED = [b'{"type": "user", "text": "' + b"x" * length for length in range(5)] + [b"[1]", b"[1, 2]", b'{"a": tru}']

RIGHT = {
    "a summary is a compaction, with a boundary before it and without": (
        "select session_id, compaction_count from marts.agg_session_metrics"
        " where session_id in ('old', 'bounded') order by all",
        [("bounded", 1), ("old", 1)],
    ),
    "a read that failed read no file": (
        "select read_file_count from marts.agg_session_metrics where session_id = 'reads'",
        [(1,)],
    ),
    "the last title that a person gave stands": (
        "select title from marts.dim_sessions where session_id = 'titles'",
        [("Second name",)],
    ),
    "a summary names the session of its leaf": (
        "select title from marts.dim_sessions where session_id = 'leaf'",
        [("Summed up later",)],
    ),
    "a cell that is replaced adds and removes its lines, a deleted one removes them, a failure neither": (
        "select session_id, lines_added, lines_removed from marts.fct_tool_calls"
        " where tool_name = 'NotebookEdit' order by all",
        [("deleted", 0, 2), ("failed", None, None), ("replaced", 3, 2)],
    ),
    "every branch of a rewound conversation was paid for": (
        "select count(*), sum(output_tokens) from marts.fct_api_requests where session_id = 'rewound'",
        [(3, 21)],
    ),
    "a line that was cleared keeps what it said": (
        "select count(*), max(result_length) from marts.fct_tool_calls where session_id = 'rewritten'",
        [(1, len(FULL))],
    ),
    "one file under several spellings of its path is one file": (
        "select changed_file_count from marts.agg_session_metrics where session_id = 'paths'",
        [(2,)],
    ),
    "one drive under two letters is one project": (
        "select distinct project_id from marts.dim_sessions where session_id in ('drive-1', 'drive-2')",
        [("e:/work/shop",)],
    ),
    "inputs of any type are calls": (
        "select tool_name, file_path from marts.fct_tool_calls where session_id = 'inputs' order by all",
        [("Bash", None), ("Edit", None), ("Grep", None), ("Read", "5")],
    ),
    "counts that are text or null are read as far as they say something": (
        "select input_tokens, output_tokens from marts.fct_api_requests where session_id = 'nulls'",
        [(12, 0)],
    ),
    "rejected lines are one row per reason, whatever the position": (
        "select value from marts.agg_data_quality where metric = 'lines_set_aside' and item is not null order by all",
        [(1,), (2,), (5,)],
    ),
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    warehouse = Warehouse(tmp_path_factory.mktemp("variants"))
    placed: list[tuple[str, bytes, int]] = []
    places: dict[str, int] = defaultdict(int)
    for name, raw in (line for file, lines in HISTORY.items() for line in in_file(file, *lines)):
        placed.append((name, raw, places[name]))
        places[name] += len(raw) + 1
    with closing(warehouse.dbt):
        warehouse.load(placed)
        for raw in DAMAGED:
            warehouse.reject("-w/damaged.jsonl", raw)
        warehouse.build("resource_type:seed", *MARTS, command="build", tests=False)
    return warehouse


@pytest.mark.parametrize("sentence", RIGHT)
def test_the_figure_is_right(warehouse: Warehouse, sentence: str) -> None:
    query, expected = RIGHT[sentence]
    assert warehouse.rows(query) == expected
