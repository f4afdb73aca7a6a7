"""RE2's patterns in Java's words; what they match is asked of Spark in tests/integration/spark."""

import pytest

from spark.dialect.regexes import java_regex, java_replacement


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        (r"^a$", r"(?d)\Aa\z"),
        (r"(?m)^\[a$", r"(?d)(?:\A|(?<=\n))\[a(?=\n|\z)"),
        (r"(?s)^\s*(.*?)", r"(?ds)\A[\t\n\f\r ]*(.*?)"),
        (r"[^\s;&]", r"(?d)[^\t\n\f\r ;\&]"),
        (r"[^\]\n]*", r"(?d)[^\]\n]*"),
        (r"[]a]", r"(?d)[\]a]"),
        (r"[[a]", r"(?d)[\[a]"),
    ],
)
def test_a_pattern_means_in_java_what_it_means_in_re2(pattern: str, written: str) -> None:
    assert java_regex(pattern) == written


def test_a_word_ends_where_an_ascii_letter_does() -> None:
    assert java_regex(r"a\b").endswith(r"(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))")


def test_the_option_for_any_case_is_part_of_the_pattern() -> None:
    assert java_regex("a", "i") == "(?diu)a"


def test_groups_and_dollars_of_a_replacement_are_those_of_java() -> None:
    assert java_replacement(r"claude-\2-\1$") == r"claude-$2-$1\$"
