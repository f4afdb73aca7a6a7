"""Shows long text a page at a time where a person reads it, and writes it where a program does."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable


def show_lines(lines: Iterable[str]) -> None:
    """Print the lines, through PAGER or `less` in a terminal."""
    command = shlex.split(os.environ.get("PAGER") or "less")
    if not sys.stdout.isatty() or not command or shutil.which(command[0]) is None:
        for line in lines:
            print(line)
        return
    # F: no pager for a short text; R: our bold and dim, the only escape sequences there are; X: it stays on the screen.
    environment = {"LESS": "-FRX"} | os.environ
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, errors="replace", env=environment) as pager:
        assert pager.stdin is not None  # it is a pipe
        try:
            for line in lines:
                pager.stdin.write(line + "\n")
            pager.stdin.close()
        except BrokenPipeError:  # the reader has seen enough
            return
