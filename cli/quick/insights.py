"""Findings, alarms of drift and changes of cost, from marts.fct_insights, fct_drift_alarms and agg_cost_changes.

Dollars are summed within a kind of finding, never over kinds: one pause may be a cold cache and the better end of a
session.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from cli.quick.database import Published
from cli.quick.selection import PROJECT_NAMES, Selection
from common.errors import UsageError

_DAY = "make_date({0} // 10000, {0} // 100 % 100, {0} % 100)"
_KINDS = """
    select
        kinds.insight_kind as kind, kinds.title, kinds.unit, kinds.meaning, kinds.advice, kinds.dollars,
        count(findings.insight_key) as findings, count(distinct findings.session_key) as sessions,
        sum(cast(findings.cost_usd as decimal(28, 10)))::double as cost_usd,
        count(findings.insight_key) filter (where findings.cost_usd is null) as unpriced
    from marts.dim_insight_kinds as kinds
    left join (select * from marts.fct_insights where {where}) as findings using (insight_kind)
    group by all
    order by cost_usd desc nulls last, findings desc, kind
"""
_FINDINGS = f"""
    select
        findings.insight_kind as kind, kinds.title, findings.session_id, sessions.title as session_title,
        projects.name as project, findings.occurred_at, findings.quantity, kinds.unit, findings.tokens,
        findings.cost_usd, findings.evidence
    from (select * from marts.fct_insights where {{where}}) as findings
    inner join marts.dim_insight_kinds as kinds using (insight_kind)
    left join marts.dim_sessions as sessions using (session_id)
    left join ({PROJECT_NAMES}) as projects on findings.project_id = projects.project_id
    order by findings.cost_usd desc nulls last, findings.occurred_at desc, findings.insight_key
"""
_ALARMS = f"""
    select
        {_DAY.format("date_key")}::varchar as day, {_DAY.format("detected_date_key")}::varchar as detected,
        metric, model, direction, value_before, value_after, version_before, version_after, evidence
    from marts.fct_drift_alarms where {{where}}
    order by date_key desc, metric, model
"""
_CHANGES = f"""
    select
        {_DAY.format("date_key")}::varchar as day, change_kind as kind, subject, projects.name as project,
        compared_days,
        prompts_before, prompts_after, unpriced_before, unpriced_after, columns('(cost|from)_.*_?usd')::double
    from marts.agg_cost_changes left join ({PROJECT_NAMES}) as projects using (project_id)
    where {{where}}
    order by date_key desc, kind = 'period' desc, kind, subject
"""


@dataclass(frozen=True)
class Insights:
    """What was found: findings, their sums by kind, alarms of drift and changes of cost, each in the order to show."""

    kinds: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    alarms: list[dict[str, Any]]
    changes: list[dict[str, Any]]


def read_insights(
    published: Published, selection: Selection, since: date | None, until: date | None, kind: str | None
) -> Insights:
    """Return what the selection holds.

    An alarm is about a model, and a change about all projects or the one that it names: the project filters neither.
    """
    days = Selection()
    days.between(since, until)
    if kind:
        rule_of(published, kind)
        selection.one_of("insight_kind", [kind])
    kinds = published.rows(_KINDS.format(where=selection.where), selection.values)
    return Insights(
        [row for row in kinds if row["findings"]],
        published.rows(_FINDINGS.format(where=selection.where), selection.values),
        published.rows(_ALARMS.format(where=days.where), days.values),
        published.rows(_CHANGES.format(where=days.where), days.values),
    )


def rule_of(published: Published, kind: str) -> str:
    """Return the rule of a kind of findings as SQL. Raises UsageError where there is no such kind."""
    rules = {row["insight_kind"]: row["rule_sql"] for row in published.rows("from marts.dim_insight_kinds")}
    if kind not in rules:
        raise UsageError(f"expected a kind of insight ({', '.join(sorted(rules))}), found {kind!r}")
    return str(rules[kind])
