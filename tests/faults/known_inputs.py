"""Every input that once failed, as small as it could be made. Each goes through all checks again."""

from collections.abc import Callable


def _answer(usage: bytes, content: bytes = b'[{"type":"text","text":"x"}]') -> bytes:
    return b'{"type":"assistant","uuid":"u","message":{"id":"m","content":' + content + b',"usage":' + usage + b"}}\n"


def _nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


KNOWN_INPUTS: dict[str, Callable[[], bytes]] = {
    # Its tokens were lost: orjson reads 1,024 levels and writes 254, and the whole line was rejected.
    "a tool's input that is nested deeper than orjson writes": lambda: _answer(
        b'{"input_tokens":1}', b'[{"type":"tool_use","id":"t","name":"x","input":' + _nested(300) + b"}]"
    ),
    "a usage that is nested deeper than orjson writes": lambda: _answer(
        b'{"input_tokens":1,"x":' + _nested(300) + b"}"
    ),
    "a name that is nested deeper than Python walks": lambda: b'{"type":"user","cwd":' + _nested(990) + b"}\n",
    "a deep line that only Python's parser reads": lambda: b'{"type":"user","n":NaN,"x":' + _nested(600) + b"}\n",
    # The envelope of a line that MongoDB cannot take had the key that was the reason.
    "a key with a NUL in a usage": lambda: _answer(b'{"input_tokens":1,"a\\u0000":{"b":1}}'),
    "a key like an operator's in a usage": lambda: _answer(b'{"input_tokens":1,"$where":{"$b":1},"":{"x":1}}'),
    # Its rows repeated what the line says of itself, 130 KB each.
    "a line of many blocks with long names": lambda: (
        b'{"type":"assistant","cwd":"' + b"x" * 4_000 + b'","gitBranch":"' + b"y" * 4_000 + b'","message":'
        b'{"content":[' + b",".join([b'{"type":"text","text":"x"}'] * 9_000) + b"]}}\n"
    ),
    # It is no message, and the models took it for one.
    "a wrapped line of another type": lambda: (
        b'{"type":"progress","data":{"message":{"type":"//user","message":{}}}}\n'
    ),
    "a long text": lambda: b'{"type":"user","message":{"content":"' + b"x" * 2_000_000 + b'"}}\n',
}
