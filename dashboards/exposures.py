"""dbt's exposures: for each dashboard the marts it reads, generated from the dashboards' files.

python -m dashboards.exposures          write dbt/models/exposures.yml
python -m dashboards.exposures --check  exit 1 when the file is not what the dashboards say
"""

import sys
from pathlib import Path

from dashboards.definitions import Catalog, Dashboard, load_catalog

TARGET = Path(__file__).parent.parent / "dbt" / "models" / "exposures.yml"
_HEAD = """\
# Generated from dashboards by `python -m dashboards.exposures`: which dashboard reads which mart.
version: 2

exposures:
"""


def exposures(catalog: Catalog) -> str:
    """The whole file."""
    return _HEAD + "\n".join(_exposure(catalog, board) for board in catalog.dashboards)


def marts_of(catalog: Catalog, board: Dashboard) -> list[str]:
    """The marts behind a dashboard; every filter's default period reads two more than the cards name."""
    named = {mart for card in board.cards for mart in catalog.marts_of(card)}
    return sorted(named | {"agg_daily_summary", "dim_date"})


def _exposure(catalog: Catalog, board: Dashboard) -> str:
    refs = "\n".join(f"      - ref('{mart}')" for mart in marts_of(catalog, board))
    return (
        f"  - name: dashboard_{board.id}\n"
        f'    label: "{board.title}"\n'
        f"    type: dashboard\n"
        f"    maturity: high\n"
        f'    description: "{board.description}"\n'
        f"    owner: {{name: claude-analytics}}\n"
        f"    depends_on:\n{refs}\n"
    )


def main(arguments: list[str]) -> int:
    """Write or check; the exit code."""
    wanted = exposures(load_catalog())
    if "--check" not in arguments:
        TARGET.write_text(wanted, encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == wanted:
        return 0
    sys.stderr.write(f"{TARGET.name} is not what the dashboards say: run python -m dashboards.exposures\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
