"""The command line in a separate process, with forks (forked.py) for the dbt processes that it starts."""

import runpy

from scheduler import dbt_process
from tests.forked import FORKED

dbt_process.WORKER = FORKED
runpy.run_module("cli", run_name="__main__", alter_sys=True)
