"""The command line, with forks (forked_dbt.py) for the dbt processes that it starts."""

import runpy

from scheduler import dbt_process
from tests.forked_dbt import FORKED_DBT

dbt_process.WORKER = FORKED_DBT
runpy.run_module("cli", run_name="__main__", alter_sys=True)
