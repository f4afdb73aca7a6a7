"""The output of Vega's tools for the page: the library as one script, and charts compiled to specifications.

Both take longer than a report's queries and change only with the library, the cards and their series: the results are
cached in a folder, one file each, named by the hash of its input. The library is the same for every history: it is
cached in this Python environment if that is writable.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import vl_convert

from report.charts import Spec, theme

_ANY_CHART: Spec = {
    "data": {"name": "rows"},
    "mark": "bar",
    "encoding": {"x": {"field": "a", "type": "quantitative"}},
}


class Vega:
    """Vega's tools, with a cache in `folder`; without a folder every chart is compiled again."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._used: set[str] = set()

    def script(self) -> str:
        """The library as one script that sets `window.vegaEmbed`."""
        source = "window.vegaEmbed = vegaEmbed;"
        folder = _of_the_environment() or self._folder
        return self._kept(source, lambda: str(vl_convert.javascript_bundle(source)), folder)

    def chart(self, chart: Spec) -> Spec:
        """Return the chart as a Vega specification in the light theme's colours, for a page without Vega-Lite.

        The page fills in data and width, adds its theme's config and swaps marks' colours in a dark theme.
        """
        sized = chart | {"width": 400, "autosize": {"type": "fit", "contains": "padding"}}
        return {
            key: value for key, value in self._compiled(sized, dark=False).items() if key not in ("config", "$schema")
        }

    def theme(self, *, dark: bool) -> Spec:
        """The theme as Vega itself reads it."""
        return {**self._compiled(_ANY_CHART, dark=dark)["config"], "background": "transparent"}

    def forget_others(self) -> None:
        """Delete unused cache files: of other cards, and of another version of the library."""
        if self._folder is not None and self._folder.is_dir():
            for path in self._folder.iterdir():
                if path.name not in self._used:
                    path.unlink(missing_ok=True)

    def _compiled(self, chart: Spec, *, dark: bool) -> Spec:
        config = theme(dark)
        compiled_json = self._kept(
            json.dumps([chart, config]),
            lambda: json.dumps(vl_convert.vegalite_to_vega(chart, config=config)),
            self._folder,
        )
        compiled: dict[str, Any] = json.loads(compiled_json)
        return compiled

    def _kept(self, source: str, make: Callable[[], str], folder: Path | None) -> str:
        if folder is None:
            return make()
        key = hashlib.sha256(f"{version('vl-convert-python')}\0{source}".encode()).hexdigest()
        self._used.add(key)
        path = folder / key
        if path.exists():
            return path.read_text(encoding="utf-8")
        text = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{key}.{uuid4().hex[:8]}")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
        return text


def _of_the_environment() -> Path | None:
    """Return a folder of this Python environment, or None if it is read-only, as in the scheduler's container."""
    environment = Path(sys.prefix)
    return environment / "share" / "claude-analytics" / "vega" if os.access(environment, os.W_OK) else None
