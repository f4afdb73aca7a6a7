"""`blocks`: the five-hour blocks in which subscriptions meter use, and where the running one is heading."""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.quick import COMMANDS
from cli.quick.blocks import Block, read_blocks
from cli.quick.database import Published, open_published
from cli.quick.footer import footer, zone
from cli.quick.options import Parser, add_filters, add_output, at_least_one, check
from cli.quick.places import find_places
from cli.quick.selection import select
from cli.quick.table import MEASURES, Column, Table, name, terminal_columns
from cli.quick.usage import added
from cli.quick.usage_json import TOKEN_KEYS, moment, print_csv, print_json
from dashboards.formats import show

_RECENT = timedelta(days=3)
_COLUMNS = [
    Column("Block", right=False),
    Column("", right=False),
    Column("Models", right=False, least=12, spare=6),
    *MEASURES,
]
_FIELDS = [
    "startTime",
    "endTime",
    "actualEndTime",
    "isActive",
    "entries",
    *TOKEN_KEYS,
    "totalTokens",
    "costUSD",
    "models",
]


def main(command: str, arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    options = _parse(command, arguments)
    now = datetime.now(UTC)
    with open_published(find_places(options.data)) as published:
        selection = select(published, options.since, options.until, options.project, options.model)
        blocks = _wanted(read_blocks(published, selection), options, now)
        if options.as_json:
            print_json({"blocks": [_record(block, now) for block in blocks]})
        elif options.as_csv:
            print_csv(({**_record(block, now), **_tokens(block)} for block in blocks), _FIELDS)
        else:
            _print_table(published, blocks, now)
    return 0


def _parse(command: str, arguments: list[str]) -> argparse.Namespace:
    parser = Parser(command, COMMANDS[command].help)
    add_filters(parser)
    add_output(parser, breakdown=False)
    parser.add_argument("-a", "--active", action="store_true", help="only the running block")
    parser.add_argument("-r", "--recent", action="store_true", help="only the last three days")
    parser.add_argument("--last", type=at_least_one, metavar="N", help="only the newest N blocks")
    options = parser.parse_args(arguments)
    check(options)
    return options


def _wanted(blocks: list[Block], options: argparse.Namespace, now: datetime) -> list[Block]:
    if options.recent:
        blocks = [block for block in blocks if block.ends_at > now - _RECENT]
    if options.active:
        blocks = [block for block in blocks if block.is_active(now)]
    blocks = blocks[-options.last :] if options.last else blocks
    return blocks[::-1] if options.order == "desc" else blocks


def _tokens(block: Block) -> dict[str, int]:
    return dict(zip(TOKEN_KEYS, block.usage.tokens, strict=True))


def _record(block: Block, now: datetime) -> dict[str, Any]:
    """Return a block with ccusage's keys. ccusage also lists pauses as blocks; here no block is a gap."""
    tokens = _tokens(block)
    cached = {
        "cacheCreationInputTokens": tokens["cacheCreationTokens"],
        "cacheReadInputTokens": tokens["cacheReadTokens"],
    }
    active = block.is_active(now)
    return {
        "id": moment(block.started_at),
        "startTime": moment(block.started_at),
        "endTime": moment(block.ends_at),
        "actualEndTime": moment(block.last_at),
        "isActive": active,
        "isGap": False,
        "entries": block.responses,
        "tokenCounts": {"inputTokens": tokens["inputTokens"], "outputTokens": tokens["outputTokens"], **cached},
        "totalTokens": block.usage.total_tokens,
        "costUSD": block.usage.cost_usd,
        "models": block.models,
        "burnRate": _burn_rate(block) if active else None,
        "projection": _projection(block, now),
    }


def _burn_rate(block: Block) -> dict[str, Any] | None:
    rate = block.burn_rate()
    if rate is None:
        return None
    per_minute, indicator = rate.tokens_per_minute, rate.tokens_per_minute_for_indicator
    return {"tokensPerMinute": per_minute, "tokensPerMinuteForIndicator": indicator, "costPerHour": rate.cost_per_hour}


def _projection(block: Block, now: datetime) -> dict[str, Any] | None:
    projection = block.projection(now)
    if projection is None:
        return None
    tokens, cost, minutes = projection.total_tokens, projection.total_cost, projection.remaining_minutes
    return {"totalTokens": tokens, "totalCost": cost, "remainingMinutes": minutes}


def _print_table(published: Published, blocks: list[Block], now: datetime) -> None:
    total = added([block.usage for block in blocks])
    if blocks:
        table = Table(list(_COLUMNS), [_cells(published, block, now) for block in blocks])
        table.totals.append(["Total", "", "", *_numbers(total.tokens, total.cost_usd)])
        print("\n".join(table.lines(terminal_columns())))
    else:
        print("No blocks match this selection.")
    for block in blocks:
        if block.is_active(now):
            print("\n".join(_heading_for(block, now)))
    print("\n".join(footer(published, total)))


def _cells(published: Published, block: Block, now: datetime) -> list[str]:
    local = zone(published.timezone)
    hours = f"{show(block.started_at.astimezone(local), 'time')} – {block.ends_at.astimezone(local):%H:%M}"  # noqa: RUF001
    models = ", ".join(name(model, "unknown").removeprefix("claude-") for model in block.models)
    state = "running" if block.is_active(now) else ""
    return [hours, state, models, *_numbers(block.usage.tokens, block.usage.cost_usd)]


def _numbers(tokens: tuple[int, ...], cost: float | None) -> list[str]:
    return [*(show(count, "tokens") for count in (*tokens, sum(tokens))), show(cost, "usd")]


def _heading_for(block: Block, now: datetime) -> Iterator[str]:
    """Yield the running block's time left, burn rate and projection."""
    left = show((block.ends_at - now).total_seconds() * 1000, "duration")
    rate, projection = block.burn_rate(), block.projection(now)
    yield f"The running block ends in {left}."
    if rate and projection:
        per_minute, per_hour = show(rate.tokens_per_minute, "tokens"), show(rate.cost_per_hour, "usd")
        tokens, cost = show(projection.total_tokens, "tokens"), show(projection.total_cost, "usd")
        yield f"Burn rate: {per_minute} tokens a minute, {per_hour} an hour. At its end: {tokens} tokens, {cost}."
    else:
        yield "Burn rate: unknown until its second response."
