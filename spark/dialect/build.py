"""Shorthand for parts of a statement."""

from sqlglot import exp


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """Return a call of a function of Spark that sqlglot writes as it is."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def column(name: str, table: str) -> exp.Column:
    """Return a column of a table."""
    return exp.column(name, table=table, quoted=True)


def cast(value: exp.Expr, kind: str) -> exp.Cast:
    """Return the value as another type, which is written as Spark has it."""
    return exp.Cast(this=value, to=exp.DataType.build(kind, dialect="spark"))


def text(value: str) -> exp.Literal:
    """Return a string literal."""
    return exp.Literal.string(value)


def number(value: int) -> exp.Expr:
    """Return a whole number."""
    return exp.Literal.number(value)
