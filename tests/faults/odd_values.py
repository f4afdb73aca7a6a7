"""What may stand in a transcript in place of a value, as it is written: no Python object could say most of it."""

import json
from collections.abc import Callable

NUMBERS = (
    *("0", "-0", "-0.0", "-1", "-5000000000", "0.5", "1.0", "3.9999", "1e2", "1E-7", "1e-400", "-1e-400"),
    *(str(2**31 - 1), str(2**31), str(2**53 - 1), str(2**53), str(2**53 + 1), str(2**63 - 1), str(2**63)),
    *(str(2**64 - 1), str(2**64), str(-(2**63)), str(-(2**63) - 1), "1e22", "1e300", "1e308", "1e309", "1e400"),
    *("NaN", "Infinity", "-Infinity", "9" * 400, "0." + "3" * 400, "1" + "0" * 5_000, "00", "01", "+1", "1.", ".5"),
)
NUMBERS_AS_TEXT = tuple(
    json.dumps(text)
    for text in (
        *("7", " 7 ", "-7", "+7", "7.5", "7,5", "1e3", "1e400", "NaN", "Infinity", "0x10", "1_000", "٣", "²", "½"),
        *(str(2**53 + 1), str(2**63), "9" * 400, "", " ", "null", "true", "yes", "12abc"),
    )
)
_MOMENTS = (
    *("2026-05-04T10:00:00.000Z", "2026-05-04T10:00:00,000Z", "2026-05-04T10:00Z", "2026-05-04T10:00", "2026-05-04"),
    *("2026-05-04 10:00:00", "2026-05-04t10:00:00z", "2026-05-04T10:00:00+02:00", "2026-05-04T10:00:00+0200"),
    *("2026-05-04T10:00:00+99:99", "2026-05-04T10:00:00-23:59", "2026-05-04T10:00:00.1234567890123Z"),
    *("0000-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999Z"),
    *("9999-12-31T23:59:59-14:00", "12026-05-04T10:00:00Z", "-0044-03-15T12:00:00Z", "2026-02-30T10:00:00.000Z"),
    *("2026-05-04T24:00:00.000Z", "2026-05-04T23:59:60.000Z", "2026-13-01T00:00:00.000Z", "2026-W19-1T10:00:00.00Z"),
    *(
        "2026-05-04T10:00:00.000 ",
        "2026-05-04T10:00:00.000",
        "20260504T100000Z",
        "٢٠٢٦-05-04T10:00:00.000Z",
        "yesterday",
    ),
    *("1777888800", "1777888800123", "1777888800123456", "1777888800123456789", "1777888800.5", "1777888800,5", "1e18"),
    *("1777888800" + "0" * 30, "44 BC", "0044-03-15 (BC)", "Mon, 04 May 2026 10:00:00 GMT", "", "Z", "T"),
    *("2026-05-04T10:00:00.000Z\0", "2" * 5_000, "1970-01-01T00:00:00.000Z", "2038-01-19T03:14:08.000Z"),
)
TIMES: tuple[str, ...] = (
    *map(json.dumps, _MOMENTS),
    *("1777888800", "1777888800123", "1777888800123456", "1777888800123456789", "1777888800.5", "1e18", "1.7e12"),
    *("0", "-1", "null", "true", "[]", "{}", "1e400", "NaN", "253402300800", "-62135596800", "1e9", "946684800"),
    *(
        '{"$date":1777888800123}',
        '{"$date":{"$numberLong":"1777888800123"}}',
        '{"$date":{"$date":{}}}',
        '{"$date":"x"}',
    ),
)


def _deep(opening: str, closing: str, depth: int) -> Callable[[], str]:
    return lambda: opening * depth + "1" + closing * depth


_SCALARS = (
    *("null", "true", "false", '""', '"x"', '" "', '"\\u0000"', '"\\u0000x\\u0000"', '"\\ud800"', '"\\udc00\\ud800"'),
    *('"\\ud83d\\ude00"', '"\\uffff\\ufffe"', '"\\u202e"', '"</script><b>"', '"\' or 1=1 --"', '"{{ 1 }}"', '"%s{}$1"'),
    *(
        '"\\u001b[31m"',
        '"\\r\\n\\u2028"',
        '"\ud800"',
        '"$oid"',
        '"../../../etc"',
        '"C:\\\\a\\\\b"',
        '"~"',
        '"."',
        '"/"',
    ),
    *('"user"', '"assistant"', '"progress"', '"tool_use"', '"tool_result"', '"text"', '"cost-state"', '"<synthetic>"'),
)
_CONTAINERS = (
    *(
        "[]",
        "{}",
        "[[]]",
        "[null]",
        "[1]",
        '["x"]',
        "[{}]",
        "[true,false]",
        '{"":{}}',
        '{"a":1,"a":2}',
        '{"\\u0000":1}',
    ),
    *(
        '{"type":"text","type":"tool_use"}',
        '{"\\ud800":"\\udfff"}',
        '{"$date":1}',
        '{"$ref":"a","$id":"b"}',
        '{"a.b":1}',
    ),
    *('[{"type":"text","text":["x"]},{"type":"tool_result","content":[1,{"text":{}},["y"]]}]', '{"text":{"text":1}}'),
    *(
        '[{"type":["a"],"id":{},"name":[],"input":7}]',
        '{"lines":[1,null,"+x",["-"]]}',
        '[{"lines":"+a"}]',
        '[[[{"x":[]}]]]',
    ),
    *('{"kind":{"kind":1}}', '{"commit":7}', '{"commit":{"sha":["a"],"kind":1}}', '[{"type":"image"},null,3,"x",[]]'),
    *('{"type":"tool_use","id":7,"name":null,"input":"text"}', '{"input_tokens":-1,"output_tokens":1e400}'),
)
_LARGE: tuple[Callable[[], str], ...] = (
    *(_deep("[", "]", depth) for depth in (90, 120, 250, 260, 500, 1_000, 1_030, 10_000)),
    *(_deep('{"a":', "}", depth) for depth in (90, 120, 250, 260, 500, 1_000, 1_030, 10_000)),
    lambda: '"' + "x" * 10_000 + '"',
    lambda: '"' + "\\u00e9" * 5_000 + '"',
    lambda: '"' + "\\ud83d\\ude00" * 2_100 + '"',
    lambda: '"' + "a\\n" * 20_000 + '"',
    lambda: "[" + ",".join(['{"type":"text","text":"x"}'] * 500) + "]",
    lambda: "[" + ",".join(["0"] * 5_000) + "]",
    lambda: "{" + ",".join(f'"{number}":{number}' for number in range(2_000)) + "}",
    lambda: '{"' + "k" * 20_000 + '":1}',
)
VALUES: tuple[str | Callable[[], str], ...] = (
    *(NUMBERS * 2), *NUMBERS_AS_TEXT, *(_SCALARS * 2), *(_CONTAINERS * 2), *_LARGE, *TIMES[:12]
)  # fmt: skip
"""Numbers and shapes more often than what is long."""

KEYS = (
    *("type", "uuid", "parentUuid", "sessionId", "timestamp", "cwd", "gitBranch", "version", "message", "requestId"),
    *("isSidechain", "isMeta", "isCompactSummary", "isApiErrorMessage", "agentId", "toolUseResult", "toolDenialKind"),
    *("attachment", "origin", "forkedFrom", "planContent", "data", "parentToolUseID", "apiErrorStatus", "error"),
    *("subtype", "content", "summary", "lastPrompt", "modelUsage", "totalCostUSD", "durationMs", "retryInMs", "status"),
    *(
        "usage",
        "iterations",
        "cache_creation",
        "server_tool_use",
        "speed",
        "inference_geo",
        "model",
        "stop_reason",
        "id",
    ),
    *("input", "name", "tool_use_id", "is_error", "text", "thinking", "structuredPatch", "lines", "filePath", "file"),
    *("gitOperation", "commit", "edit_mode", "notebook_path", "cell_id", "original_file", "interrupted", "searchCount"),
    *("_id", "ingestedAt", "host", "projectId", "sourceFile", "byteOffset", "rawLine", "$where", "a.b", ""),
    *("operation", "worktreeSession", "prNumber", "prUrl", "compactMetadata", "agentType", "toolUseId", "leafUuid"),
)
"""Names that some part of the chain looks for."""

ODD_BYTES = (
    *(
        b"\0",
        b"\n",
        b"\r",
        b"\r\n",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xfe\xff",
        b"\xff",
        b"\x80",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
    ),
    *(
        b"\xf4\x90\x80\x80",
        b"\xe2\x80\xa8",
        b"\x0c",
        b"\x1a",
        b"\x1b",
        b"\x1f\x8b",
        b"{",
        b"}",
        b"[",
        b'"',
        b"\\",
        b",",
        b":",
    ),
    *(b" " * 4_096, b"\0" * 4_096, b"\xf0\x9f\x98\x80", b"\xf0\x9f", b"\\ud800", b'{"a":1}', b"//", b"'", b"NaN"),
)
ODD_TEXTS = (
    "\\u0000",
    "\\ud83d",
    "\\ude00",
    "\\u",
    "\\x",
    "\\",
    '\\"',
    "\\u00e",
    "\\/",
    "é",
    "😀",
    "\\b\\f",
    "\x7f",
    "\x01",
)
