"""`python -m standalone`: the command line."""

from standalone.cli import main

main()
