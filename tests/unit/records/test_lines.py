"""What one physical line holds, and who each line in it is."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.lines import Line, fingerprint, identity, parse

UUID = "5b1c2d3e-0000-4000-8000-000000000001"


def only(physical: bytes) -> Line:
    (line,) = parse(physical)
    return line


@pytest.mark.parametrize(
    "physical",
    [
        b'{"a": 1}\n',
        b'{"a": 1}\r\n',
        b'\xef\xbb\xbf{"a": 1}\n',
        b'  \t{"a": 1}  \n',
        b'\0\0\0{"a": 1}\0\0\n',
        b'{"a": 1}',
    ],
)
def test_what_lies_around_an_object_is_no_part_of_it(physical: bytes) -> None:
    line = only(physical)
    assert (line.raw, line.value, line.reason) == (b'{"a": 1}', {"a": 1}, None)
    assert physical[line.start :].startswith(line.raw)


@pytest.mark.parametrize("physical", [b"\n", b"\r\n", b"", b"  \t\n", b"\0\0\0\n", b"\xef\xbb\xbf\n"])
def test_a_blank_line_is_no_line(physical: bytes) -> None:
    assert parse(physical) == []


@pytest.mark.parametrize(
    ("physical", "reason"),
    [
        (b"// a comment\n", "not JSON"),
        (b'{"type":"us\n', "not JSON"),
        (b'{"a":1,}\n', "not JSON"),
        (b'{"text":"a\0b"}\n', "not JSON"),
        (b'{"text":"a\tb"}\n', "not JSON"),
        (b'"text"\n', "found a string"),
        (b"42\n", "found a number"),
        (b"4.5\n", "found a number"),
        (b"[{}]\n", "found an array"),
        (b"true\n", "found true or false"),
        (b"null\n", "found null"),
        (b'{"a":' * 100_000 + b"\n", "nested more than 1024 levels deep"),
        (b'{"a":' * 1025 + b"NaN" + b"}" * 1025 + b"\n", "nested more than 1024 levels deep"),
        (b'\xff\xfe{\x00"\x00a\x00"\x00', "not JSON"),
    ],
)
def test_what_is_no_object_is_kept_with_the_reason(physical: bytes, reason: str) -> None:
    line = only(physical)
    assert line.value is None
    assert line.reason is not None
    assert reason in line.reason
    assert line.raw == physical.rstrip(b"\n\0")


def test_as_many_levels_are_read_wherever_the_parser_is_called_from() -> None:
    physical = b'{"a":' * 1024 + b"NaN" + b"}" * 1024 + b"\n"

    def called_from(depth: int) -> bool:
        return called_from(depth - 1) if depth else only(physical).value is not None

    assert called_from(0)
    assert called_from(500)


def test_brackets_in_texts_are_not_levels() -> None:
    assert only(b'{"a":NaN,"b":"' + b'[\\"{' * 2_000 + b'","c":[' + b"{}," * 2_000 + b"1]}\n").value is not None


def test_two_objects_on_one_line_are_two_lines() -> None:
    physical = b'{"a":1}  {"b":"\xc3\xa9"}{"c":3}\n'
    lines = parse(physical)
    assert [line.value for line in lines] == [{"a": 1}, {"b": "é"}, {"c": 3}]
    assert all(physical[line.start :].startswith(line.raw) for line in lines)


def test_what_follows_an_object_and_is_none_is_a_line_of_its_own() -> None:
    """An object that is complete is never lost to the garbage behind it."""
    first, rest = parse(b'{"a":1} garbage {"b":2}\n')
    assert (first.value, rest.value) == ({"a": 1}, None)
    assert (rest.raw, rest.start) == (b'garbage {"b":2}', 8)


@pytest.mark.parametrize(
    ("physical", "reason"),
    [
        (b'{"n":NaN}', "NaN is not a JSON number"),
        (b'{"n":-Infinity}', "-Infinity is not a JSON number"),
        (b'{"n":1e999}', "number beyond a double"),
    ],
)
def test_an_object_that_is_not_strict_json_says_why(physical: bytes, reason: str) -> None:
    line = only(physical)
    assert line.value is not None
    assert line.reason is not None
    assert reason in line.reason


@pytest.mark.parametrize(
    "physical",
    [
        b'{"n":9223372036854775807}',
        b'{"n":-9223372036854775808}',
        b'{"n":0.12345678901234567890123}',
        b'{"n":"12345678901234567890123"}',
        b'{"a":' * 100 + b"1" + b"}" * 100,
        b'{"text":"say \\"$ref\\" and \\"$id\\""}',
    ],
)
def test_an_object_at_the_limit_is_read_whole(physical: bytes) -> None:
    line = only(physical)
    assert line.reason is None
    assert line.value == json.loads(physical)


def test_bytes_that_are_no_utf8_are_kept_as_they_are() -> None:
    line = only(b'{"text":"caf\xe9"}\n')
    assert line.raw == b'{"text":"caf\xe9"}'
    assert line.value is not None


@settings(max_examples=60)
@given(st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
                                               lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                                               max_leaves=8)))  # fmt: skip
def test_any_object_is_read_as_json_reads_it(value: dict[str, object]) -> None:
    physical = json.dumps(value).encode() + b"\n"
    line = only(physical)
    assert line.value == json.loads(physical)


def name_of(raw: bytes, stem: str = "s", repetition: int = 0) -> str:
    return identity(only(raw), fingerprint(raw), stem, repetition)


def test_a_line_with_a_uuid_is_the_same_line_wherever_and_however_often_it_is_read() -> None:
    raw = json.dumps({"uuid": UUID, "sessionId": "a"}).encode()
    assert name_of(raw, "one", 0) == name_of(raw, "two", 7)


def test_a_line_without_uuid_is_another_line_at_each_repetition() -> None:
    raw = b'{"type":"mode","sessionId":"a"}'
    assert name_of(raw, "one", 0) == name_of(raw, "two", 0)
    assert name_of(raw, "one", 0) != name_of(raw, "one", 1)


def test_a_line_without_session_belongs_to_the_one_its_file_is_named_after() -> None:
    raw = b'{"type":"summary"}'
    assert name_of(raw, "one") != name_of(raw, "two")
    assert name_of(raw, "one") == identity(Line(raw, 9, {"sessionId": "one"}), fingerprint(raw), "other", 0)


def test_a_copied_line_in_a_forked_session_is_another_line() -> None:
    first, second = ({"uuid": UUID, "sessionId": session} for session in ("a", "b"))
    assert name_of(json.dumps(first).encode()) != name_of(json.dumps(second).encode())


@pytest.mark.parametrize("odd", [5, "", None, ["a"], {"a": 1}])
def test_a_session_or_uuid_that_is_no_text_counts_as_none(odd: object) -> None:
    raw = json.dumps({"uuid": odd, "sessionId": odd}).encode()
    assert name_of(raw, "one") != name_of(raw, "two")
    assert name_of(raw, "one", 0) != name_of(raw, "one", 1)


def test_a_session_of_lone_surrogates_has_a_name_too() -> None:
    assert len(name_of(b'{"sessionId":"\\ud800","uuid":"\\udfff"}')) == 32
