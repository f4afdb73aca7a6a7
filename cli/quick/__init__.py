"""Fast commands: they read the published database and import little.

`cli.__main__` starts them without the libraries that runs need (typer, pydantic, pyarrow), which take longer to import
than the query; `cli.main` lists them among all commands. Settings come from the same sources, see cli.quick.places.
"""


class QuickCommand:
    """Where a command's `main(name, arguments) -> exit code` is, and its line in the list of commands."""

    def __init__(self, module: str, summary: str) -> None:
        self.module, self.help = module, summary


COMMANDS: dict[str, QuickCommand] = {
    "daily": QuickCommand("cli.quick.usage_command", "Tokens and cost per day."),
    "weekly": QuickCommand("cli.quick.usage_command", "Tokens and cost per week."),
    "monthly": QuickCommand("cli.quick.usage_command", "Tokens and cost per month."),
    "sessions": QuickCommand("cli.quick.usage_command", "Tokens and cost per session."),
    "blocks": QuickCommand(
        "cli.quick.blocks_command", "Tokens and cost per five-hour block, and the burn rate of the running one."
    ),
    "models": QuickCommand("cli.quick.usage_command", "Tokens and cost per model."),
    "projects": QuickCommand("cli.quick.usage_command", "Tokens and cost per project."),
    "budgets": QuickCommand("cli.quick.budgets_command", "Budgets: spent, remaining, and the forecast for the period."),
    "statement": QuickCommand(
        "cli.quick.statement_command",
        "A month by cost centre, project and model, to the cent; can close or restate the month.",
    ),
    "show": QuickCommand(
        "cli.quick.show_command", "One session: its prompts, answers and tool calls, and the cost of each prompt."
    ),
    "search": QuickCommand(
        "cli.quick.search_command", "Full-text search of the kept history: session, time and cost of each match."
    ),
    "insights": QuickCommand(
        "cli.quick.insights_command",
        "Possible savings, drift in model behaviour, and the cost effect of changes.",
    ),
    "statusline": QuickCommand(
        "cli.quick.statusline_command",
        "One line for Claude Code's status line; stores the plan limits that Claude Code passes in.",
    ),
}
