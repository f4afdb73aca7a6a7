"""Commands that answer at once: they read the published database and import little.

`cli.__main__` starts them without the libraries that runs need (typer, pydantic, pyarrow), which would take longer to
load than the answer; `cli.main` lists them among all commands. Settings come from the same places, by cli.quick.places.
"""


class QuickCommand:
    """Where a command's `main(name, arguments) -> exit code` is, and its line in the list of commands."""

    def __init__(self, module: str, about: str) -> None:
        self.module, self.help = module, about


COMMANDS: dict[str, QuickCommand] = {
    "daily": QuickCommand("cli.quick.usage_command", "Tokens and cost per day."),
    "weekly": QuickCommand("cli.quick.usage_command", "Tokens and cost per week."),
    "monthly": QuickCommand("cli.quick.usage_command", "Tokens and cost per month."),
    "sessions": QuickCommand("cli.quick.usage_command", "Tokens and cost per session."),
    "blocks": QuickCommand(
        "cli.quick.blocks_command", "Tokens and cost per five-hour block; the running one with its burn rate."
    ),
    "models": QuickCommand("cli.quick.usage_command", "Tokens and cost per model."),
    "projects": QuickCommand("cli.quick.usage_command", "Tokens and cost per project."),
    "budgets": QuickCommand(
        "cli.quick.budgets_command", "Budgets: what is spent, what is left, how the period may end."
    ),
    "statement": QuickCommand(
        "cli.quick.statement_command", "A month by cost centre, project and model, to the cent; closes and restates it."
    ),
    "show": QuickCommand("cli.quick.show_command", "One session: prompts, answers, tool calls, what each prompt cost."),
    "search": QuickCommand(
        "cli.quick.search_command", "Full text over everything kept: which session, when, what it cost."
    ),
    "insights": QuickCommand(
        "cli.quick.insights_command",
        "What could cost less, what a model does otherwise, what a change did to the cost.",
    ),
    "statusline": QuickCommand(
        "cli.quick.statusline_command",
        "One line for Claude Code's status line; keeps the plan's limits that it is told.",
    ),
}
