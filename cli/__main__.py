"""`python -m cli`: the command line. Commands that only read what is published start without loading the others."""

import sys

from cli.quick import COMMANDS

if len(sys.argv) > 1 and sys.argv[1] in COMMANDS:
    from cli.quick.start import run

    sys.exit(run(sys.argv[1], sys.argv[2:]))

if sys.argv[1:] == ["--version"]:
    from common import VERSION

    print(f"claude-analytics {VERSION}")
    sys.exit()

from cli.main import main

main()
