"""The user's file of cost centres and budgets, read and checked: the first thing that is wrong, in one line.

What a rule says in words for people (globs, ~) leaves here as regular expressions, which is what the models match
with.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import duckdb
import yaml

from common.errors import AnalyticsError
from scheduler.budgets.globs import folder_pattern, text_pattern

SECTIONS = ("rules", "budgets")
_RULE = ("path", "remote", "branch", "ticket", "cost_centre", "team")
_BUDGET = ("name", "amount", "currency", "period", "project", "cost_centre", "team", "alerts", "from")
_PERIODS = ("day", "week", "month")
_SCOPES = {"project": "project", "cost_centre": "cost centre", "team": "team"}
_DEFAULT_ALERTS = (50, 80, 100, "forecast")
_MOST_RULES = 500
"""Every branch is matched with every rule."""


class ConfigError(AnalyticsError):
    """The file is not what it should be: where, what was expected, what was found."""


@dataclass(frozen=True)
class Config:
    """What the file says, as rows for the models."""

    rules: tuple[dict[str, Any], ...] = ()
    budgets: tuple[dict[str, Any], ...] = ()

    @property
    def asks_for_remotes(self) -> bool:
        """Whether a rule needs to know the remote of a repository."""
        return any(rule["remote"] for rule in self.rules)

    @property
    def rules_digest(self) -> str:
        """Changes with any rule."""
        return hashlib.sha256(json.dumps(self.rules, sort_keys=True).encode()).hexdigest()[:16]


def parse_config(text: str) -> Config:
    """Read the file's text; an empty one has neither rules nor budgets.

    Raises ConfigError with the first thing that is wrong.
    """
    try:
        said = yaml.load(text, _Loader) or {}  # noqa: S506 (a SafeLoader underneath)
    except yaml.YAMLError as error:
        raise ConfigError(f"expected YAML: {' '.join(str(error).split())[:300]}") from None
    _check_names("the file", said, SECTIONS)
    rules = [_rule(number, rule) for number, rule in enumerate(_list(said, "rules"), 1)]
    budgets = [_budget(number, budget) for number, budget in enumerate(_list(said, "budgets"), 1)]
    if len(rules) > _MOST_RULES:
        raise ConfigError(f"rules: expected at most {_MOST_RULES}, found {len(rules)}; use globs, or {{ticket}}")
    names = [budget["name"] for budget in budgets]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"budgets: expected unique names, found {twice!r} twice; rename one")
    return Config(tuple(rules), tuple(budgets))


class _Loader(yaml.SafeLoader):
    """YAML where a key that is given twice is an error and not a silent loss."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise yaml.constructor.ConstructorError(None, None, f"{twice!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _list(said: dict[str, Any], section: str) -> list[Any]:
    found = said.get(section) or []
    if not isinstance(found, list):
        raise ConfigError(f"{section}: expected a list (lines that start with -), found {_shown(found)}")
    return found


def _check_names(where: str, said: Any, known: tuple[str, ...]) -> None:
    if not isinstance(said, dict):
        raise ConfigError(f"{where}: expected {', '.join(known)}, found {_shown(said)}")
    if unknown := [name for name in said if name not in known]:
        raise ConfigError(f"{where}: {unknown[0]!r} is unknown; expected {', '.join(known)}")


def _rule(number: int, said: Any) -> dict[str, Any]:
    where = f"rule {number}"
    _check_names(where, said, _RULE)
    given = {name: _text(where, said, name) for name in _RULE}
    if not given["cost_centre"]:
        raise ConfigError(f"{where}: expected cost_centre, found none; set it to the cost centre that pays")
    ticket = given["ticket"]
    if "{ticket}" in given["cost_centre"] and not ticket:
        raise ConfigError(
            f"{where}: cost_centre contains {{ticket}}; expected a ticket key with a regular expression, found none"
        )
    patterns = {
        "path": _pattern(given["path"], folder_pattern),
        "remote": _pattern(given["remote"], text_pattern),
        "branch": _pattern(given["branch"], text_pattern),
        "ticket": _ticket(where, ticket) if ticket else None,
    }
    return {"position": number} | patterns | {"cost_centre": given["cost_centre"], "team": given["team"] or None}


def _pattern(text: str, translate: Callable[[str], str]) -> str | None:
    return translate(text) if text else None


def _ticket(where: str, expression: str) -> str:
    """Return the expression with a group around it where it has none: the models read the first group."""
    try:
        with duckdb.connect() as connection:
            connection.execute("select regexp_matches('', ?)", [expression]).fetchall()
            # matches whatever the expression is, and is refused where there is no group
            connection.execute("select regexp_extract_all('', ?, 1)", [f"(?:{expression})|"]).fetchall()
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        if "has 0 groups" in said:
            return f"({expression})"
        raise ConfigError(f"{where}: ticket: expected a regular expression, found {expression!r} ({said})") from None
    return expression


def _budget(number: int, said: Any) -> dict[str, Any]:
    where = f"budget {number}"
    _check_names(where, said, _BUDGET)
    name = _text(where, said, "name")
    if not name:
        raise ConfigError(f"{where}: expected name, found none; alerts and tables show it")
    scopes = [scope for scope in _SCOPES if said.get(scope)]
    if len(scopes) > 1:
        raise ConfigError(f"{where}: expected one of project, cost_centre, team, found {' and '.join(scopes)}")
    period = said.get("period")
    if period not in _PERIODS:
        raise ConfigError(f"{where}: period: expected day, week or month, found {_shown(period)}")
    thresholds, forecast = _alerts(where, said.get("alerts", list(_DEFAULT_ALERTS)))
    return {
        "position": number,
        "name": name,
        "amount": str(_amount(where, said.get("amount"))),
        "currency": currency(where, said.get("currency", "USD")),
        "period": period,
        "scope": _SCOPES[scopes[0]] if scopes else "all",
        "scope_name": _text(where, said, scopes[0]) if scopes else None,
        "valid_from": _day(where, said.get("from")),
        "thresholds": thresholds,
        "alerts_on_forecast": forecast,
    }


def _text(where: str, said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ConfigError(f"{where}: {name}: expected a text, found {_shown(value)}; put it in quotes")
    return str(value).strip()


def _amount(where: str, value: Any) -> Decimal:
    try:
        amount = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    cents = amount.quantize(Decimal("0.01")) if amount.is_finite() and abs(amount) < 10**15 else None
    if cents is None or cents <= 0 or cents != amount:
        raise ConfigError(
            f"{where}: amount: expected a number above 0 with at most two decimals, found {_shown(value)}"
        )
    return cents


def currency(where: str, value: Any) -> str:
    """Return the code of a currency in capitals. Raises ConfigError for anything else."""
    code = value.strip().upper() if isinstance(value, str) else ""
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise ConfigError(f"{where}: currency: expected three letters such as EUR, found {_shown(value)}")
    return code


def _day(where: str, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, date):
        return value.isoformat()[:10]
    raise ConfigError(f"{where}: from: expected a day such as 2026-10-01, found {_shown(value)}")


def _alerts(where: str, value: Any) -> tuple[list[float], bool]:
    parts = value if isinstance(value, list) else [value]
    shares = [part for part in parts if part != "forecast"]
    for share in shares:
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1000:
            raise ConfigError(f"{where}: alerts: expected percentages above 0, or forecast, found {_shown(share)}")
    return sorted({share / 100 for share in shares}), "forecast" in parts


def _shown(value: Any) -> str:
    return "none" if value is None else repr(value)[:80]
