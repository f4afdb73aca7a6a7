"""A machine that sends for the first time is in the figures without waiting for the schedule, and once."""

from datetime import UTC, datetime
from pathlib import Path

from common.loader_results import CollectorState
from scheduler.history import History
from scheduler.new_machines import NewMachines

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def state(host: str, *, sent: bool = True) -> CollectorState:
    return CollectorState(
        host=host,
        transcripts="/t",
        seen_at=MOMENT,
        problem=None,
        is_off=False,
        files=int(sent),
        last_line_at=MOMENT if sent else None,
    )


def test_a_run_is_started_once_for_a_machine_that_is_new(tmp_path: Path) -> None:
    states, answers, asked = [state("appliance")], ["success"] * 3, []

    def run() -> str | None:
        asked.append([one.host for one in states])
        return answers.pop(0)

    history = History(tmp_path / "history.db")
    NewMachines(lambda: states, history).look(run)
    assert asked == [], "what is there at the first look is known"
    states.append(state("laptop", sent=False))
    NewMachines(lambda: states, history).look(run)
    assert asked == [], "a machine that has sent nothing yet is not new"
    states[1] = state("laptop")
    for _ in range(3):
        NewMachines(lambda: states, history).look(run)
    assert asked == [["appliance", "laptop"]]


def test_a_run_that_was_not_possible_is_tried_again(tmp_path: Path) -> None:
    states, answers = [state("appliance")], [None, "failed"]
    history = History(tmp_path / "history.db")
    NewMachines(lambda: states, history).look(lambda: "success")
    states.append(state("laptop"))
    for _ in range(3):
        NewMachines(lambda: states, history).look(lambda: answers.pop(0))
    assert answers == []
