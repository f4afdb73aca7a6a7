"""The command line, with forks (forked.py) for the dbt processes of the runs that `bench` measures."""

import runpy

from bench import chain

chain.OURS = tuple(chain.python("tests.cli_with_forks"))
runpy.run_module("cli", run_name="__main__", alter_sys=True)
