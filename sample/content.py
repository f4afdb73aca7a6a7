"""The content of the generated sample: invented projects, requests, code and command output.

Everything is assembled from small parts by a random generator that the caller seeds.
"""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Project:
    """An invented project."""

    cwd: str
    share: float
    """Of the sessions."""
    branches: tuple[str, ...]
    files: tuple[str, ...]
    things: tuple[str, ...]
    test: str
    build: str

    @property
    def folder(self) -> str:
        """The name of its folder below projects/."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.cwd)


PROJECTS = (
    Project(
        "/home/robin/code/harbor", 0.34, ("main", "berth-overlap", "tide-windows"),
        ("harbor/berths.py", "harbor/tides.py", "harbor/api/bookings.py", "harbor/models.py", "tests/test_berths.py",
         "tests/test_tides.py", "harbor/settings.py", "README.md"),
        ("berth allocation", "tide window lookup", "booking endpoint", "overlap check", "pilot roster", "quay map"),
        "pytest -q", "ruff check .",
    ),
    Project(
        "/home/robin/code/tidepool", 0.22, ("main", "map-layers", "keyboard-nav"),
        ("src/App.tsx", "src/map/layers.ts", "src/map/Legend.tsx", "src/api/client.ts", "src/hooks/useTides.ts",
         "tests/layers.test.ts", "src/styles/main.css", "package.json"),
        ("map layer switch", "legend component", "tide chart", "keyboard navigation", "offline cache", "date picker"),
        "npx vitest run", "npm run build",
    ),
    Project(
        "/home/robin/code/lantern", 0.17, ("main", "watch-mode"),
        ("src/main.rs", "src/config.rs", "src/watch.rs", "src/output/table.rs", "tests/cli.rs", "Cargo.toml"),
        ("watch mode", "table output", "config loader", "exit codes", "progress line", "glob matching"),
        "cargo test", "cargo clippy",
    ),
    Project(
        "/home/robin/work/mill", 0.15, ("main", "late-orders"),
        ("models/staging/stg_orders.sql", "models/marts/fct_deliveries.sql", "models/marts/dim_routes.sql",
         "macros/round_to_quarter.sql", "models/marts/deliveries.yml", "seeds/regions.csv"),
        ("delivery fact", "late order logic", "route dimension", "quarter rounding", "region seed", "freshness check"),
        "dbt build --select state:modified+", "sqlfluff lint models",
    ),
    Project(
        "/home/robin/work/quarry-docs", 0.08, ("main",),
        ("docs/index.md", "docs/install.md", "docs/reference/cli.md", "mkdocs.yml", "scripts/check_links.py"),
        ("installation page", "command reference", "link checker", "upgrade notes", "search index"),
        "python scripts/check_links.py", "mkdocs build --strict",
    ),
    Project(
        "/home/robin/.dotfiles", 0.04, ("main",),
        ("zsh/aliases.zsh", "nvim/init.lua", "bin/backup", "git/config"),
        ("backup script", "prompt theme", "editor setup", "git aliases"),
        "sh -n bin/backup", "make check",
    ),
)  # fmt: skip

REQUESTS = (
    "The {thing} fails when two requests arrive at once. Find out why and fix it.",
    "Debug the {thing}: since yesterday it is broken for empty input.",
    "There is a regression in the {thing}, the last error is in the log. Please look.",
    "Add support for time zones to the {thing}.",
    "Implement a dry run for the {thing} and print what would change.",
    "Build a small cache for the {thing}, at most 200 entries.",
    "Write tests for the {thing}, the edge cases above all.",
    "The coverage of the {thing} is poor. Which tests are missing? Add them.",
    "Refactor the {thing}: it does three things at once.",
    "Rename the helpers in the {thing} so that they say what they do.",
    "Review the {thing} as if you had to maintain it.",
    "Document the {thing} in the README, with one example.",
    "Commit this and push the branch, then open a pull request.",
    "Upgrade the dependencies that the {thing} needs and check that CI would pass.",
    "Propose a design for the {thing} before you change anything.",
    "Explain how the {thing} works and where its state lives.",
    "Why is the {thing} slow with 10,000 rows?",
    "Show me which files the {thing} touches.",
)
FOLLOW_UPS = (
    "yes, go on",
    "Good. Now the same for the other caller.",
    "No, keep the old name, others rely on it.",
    "Run the tests again and show me only what fails.",
    "Can you make it simpler?",
    "commit it",
    "What about negative numbers?",
    "Looks right. Add a line to the changelog.",
    "the last test is flaky, look at the ordering",
)
QUEUED = ("also check the other branch afterwards", "and leave the formatting alone", "use the existing helper, please")
ANSWERS = (
    "Done. The {thing} now handles that case, and {test} passes.",
    "I changed {file}: the check runs before the write, so the second request sees the first.",
    "The cause was in {file}: the {thing} compared local times with UTC. It compares instants now.",
    "Two ways are possible for the {thing}. I took the one that needs no migration; tell me if you prefer the other.",
    "All green. What is left is the {thing} in {file}, which nothing calls any more.",
    "The {thing} reads {file} once per row. Reading it once per run makes it about nine times faster.",
)
THOUGHTS = (
    "The {thing} is the likely place. First see who calls it, then reproduce the case with the smallest input.",
    "{file} looks innocent, but the default argument is shared between calls. That would explain the second failure.",
    "Before I edit {file} I should check whether {test} covers it, or I cannot tell whether the change is right.",
    "Simplest: keep the signature and move the check. The {thing} stays as it is for the other callers.",
)
NOTES = ("Let me look at {file} first.", "I will run {test} to see where we stand.", "Now the change itself.")
SUBJECTS = ("Keep", "Check", "Move", "Simplify", "Handle", "Cover", "Explain")
NAMES = ("window", "offset", "berth", "layer", "route", "entry", "limit", "cursor", "total", "batch", "slot", "label")
COMMANDS = (
    "git status --short", "git diff --stat", "ls -la", "git log --oneline -5", "wc -l {file}", "rg -n TODO {folder}",
    "cat {file} | head -40", "{test}", "{test}", "{build}",
)  # fmt: skip
FAILURES = (
    "AssertionError: expected 4 {name}s, found 3",
    "error: unused {name} in {file}:{number}",
    "{file}:{number}: undefined name '{name}'",
    "timeout: {test} did not end within 120 s",
)


def fill(random: Random, text: str, project: Project) -> str:
    """A text with its gaps filled from this project."""
    file = random.choice(project.files)
    return text.format(
        thing=random.choice(project.things),
        file=file,
        folder=file.rpartition("/")[0] or ".",
        test=project.test,
        build=project.build,
        name=random.choice(NAMES),
        number=random.randint(3, 240),
    )


def code(random: Random, file: str, lines: int) -> list[str]:
    """Lines that look like the language of this file."""
    pattern = {
        "py": "    {a} = {b}.get({n}, {a})",
        "ts": "  const {a} = {b}.slice({n});",
        "tsx": "  const {a} = use{b}({n});",
        "rs": "    let {a} = {b}.checked_add({n})?;",
        "sql": "    {a} + {b} as {a}_{n},",
        "md": "- the {a} follows the {b}, see section {n}",
    }.get(file.rpartition(".")[2], "{a}={b}:{n}")
    return [
        pattern.format(a=random.choice(NAMES), b=random.choice(NAMES), n=random.randint(1, 99)) for _ in range(lines)
    ]


def output(random: Random, command: str, project: Project) -> str:
    """What a command might print."""
    if command in (project.test, project.build):
        return f"{random.randint(12, 340)} passed in {random.uniform(0.4, 38):.2f}s"
    return "\n".join(
        f"{random.choice(project.files)}:{random.randint(1, 300)}: {random.choice(NAMES)}"
        for _ in range(random.randint(1, 14))
    )
