"""Makes what is kept of a release: a small history in the stores of that version, and what its figures were.

    .venv/bin/python tests/releases/make.py CHECKOUT NAME

CHECKOUT is a checkout of the release, NAME a new folder beside this file. `tests/integration/test_releases.py` opens it
with the present version. The history is the generated sample; no transcript of anybody is in it.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import zstandard

HERE = Path(__file__).resolve().parent
QUERY = """
select json_object(
    'sessions', (select count(*) from marts.dim_sessions),
    'messages', (select count(*) from marts.fct_messages),
    'responses', (select count(*) from marts.fct_api_requests),
    'input_tokens', (select sum(input_tokens) from marts.fct_api_requests),
    'output_tokens', (select sum(output_tokens) from marts.fct_api_requests),
    'cost_usd', (select round(sum(cost_usd), 4) from marts.fct_api_requests),
    'tool_calls', (select count(*) from marts.fct_tool_calls),
    'tool_errors', (select count(*) from marts.fct_tool_calls where is_error),
    'rejected_lines', (select count(*) from raw.dead_letters),
    'plan_limits', (select count(*) from marts.fct_plan_limits)
)
"""
KEPT = ("records", "scheduler", "plan_limits.jsonl", "backups")
SAMPLE = (
    "from sample.transcripts import write_sample; from datetime import date; from pathlib import Path; import sys; "
    "write_sample(Path(sys.argv[1]), days=2, until=date(2026, 6, 30))"
)
LIMITS = '{"at":1782813600,"window":"five_hour","used_percentage":41,"resets_at":1782820800}\n'


def run(checkout: Path, folder: Path, *arguments: str) -> str:
    """Run Python on a checkout's code, in a folder of its own."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "TIMEZONE": "UTC", "HOST_NAME": "release", "DATA_DIR": ""}
    command = [sys.executable, "-P", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def figures(checkout: Path, folder: Path, data: Path) -> dict[str, float]:
    """Return the figures of a published database, as the `sql` command of a checkout reads them."""
    answer = run(checkout, folder, "-m", "cli", "sql", "--data", str(data), "--json", QUERY)
    (row,) = json.loads(answer)
    found: dict[str, float] = json.loads(next(iter(row.values())))
    return found


def make(checkout: Path, name: str) -> None:
    """Write NAME/data.tar.zst and NAME/figures.json."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data, projects = folder / "data", folder / "projects"
        run(checkout, folder, "-c", SAMPLE, str(projects))
        (projects / "-rejected").mkdir()
        (projects / "-rejected" / "odd.jsonl").write_text('garbage\n\n{"type":"mode"}\n')
        data.mkdir()
        (data / "plan_limits.jsonl").write_text(LIMITS)
        run(checkout, folder, "-m", "cli", "run", "--transcripts", str(projects), "--data", str(data))
        if (checkout / "vault").is_dir():
            run(checkout, folder, "-m", "cli", "backup", "--to", str(data / "backups"), "--data", str(data))
        (HERE / name).mkdir()
        (HERE / name / "figures.json").write_text(json.dumps(figures(checkout, folder, data), indent=1) + "\n")
        _pack(data, HERE / name / "data.tar.zst")


def _pack(data: Path, target: Path) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name in KEPT:
            if (data / name).exists():
                tar.add(data / name, name)
    target.write_bytes(zstandard.ZstdCompressor(level=19).compress(plain.getvalue()))


if __name__ == "__main__":
    make(Path(sys.argv[1]).resolve(), sys.argv[2])
