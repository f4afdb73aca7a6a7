"""The dashboards' files as typed objects; an invalid file is rejected with its name and the place.

`datasets.yaml` defines the rows that cards read (one SQL over marts each); every other file of the folder is one
dashboard. A card defines once what to count and how to show it: `card_sql.py` generates its native SQL for Metabase,
`page/` counts the same in the reader's browser in the report.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from common.errors import AnalyticsError

DASHBOARDS_DIR = Path(__file__).parent
GRID_COLUMNS = 24
PARAMETERS = ("date_from", "date_to", "project", "model", "host", "session")
_MEASURES = "count|sum|average|median|p95|min|max|distinct|streak|current_streak|ratio"
MEASURE = re.compile(rf"({_MEASURES})\((\w*)(?:, (\w+))?\)")

ColumnKind = Literal["day", "label", "text", "number", "time"]
Format = Literal["count", "tokens", "usd", "amount", "percent", "duration", "days", "bytes", "text", "day", "time"]
CardKind = Literal["number", "line", "area", "bar", "row", "heatmap", "table", "pivot"]

_Model = TypeVar("_Model", bound=BaseModel)


class DefinitionError(AnalyticsError):
    """A dashboard file is wrong; one line with the file, the place, what was found and what is expected."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Strict):
    """One column of a dataset or of a card's own SQL."""

    kind: ColumnKind
    label: str = ""
    format: Format | None = None
    order: tuple[str, ...] = ()
    """All values in their natural order, where that is neither alphabetical nor by size."""
    missing: str | None = None
    """The text for NULL if it means that there can be no value, not that none was recorded."""

    @property
    def shown_as(self) -> Format:
        """The format that fits the kind unless the file names another."""
        by_kind: dict[str, Format] = {"number": "count", "day": "day", "time": "time"}
        return self.format or by_kind.get(self.kind, "text")


class Pick(_Strict):
    """Rows of one object at a time: the column that identifies it, and SQL for the initial one."""

    column: str
    first: str


class Dataset(_Strict):
    """Rows that several cards read: SQL over marts, its columns, and how many of them the report has."""

    marts: tuple[str, ...] = Field(min_length=1)
    grain: str
    sql: str
    columns: dict[str, Column]
    pick: Pick | None = None
    report_limit: int | None = Field(default=None, gt=0)
    """The report has at most this many rows, the newest ones, and says so."""
    ordered_by: str = ""
    """A table's column that orders rows by age: with a computed one, DuckDB cannot skip older rows."""

    @field_validator("columns", mode="before")
    @classmethod
    def _short_form(cls, columns: dict[str, Any]) -> dict[str, Any]:
        return _expand_columns(columns)


class Value(_Strict):
    """One figure: how it is counted, its label and its format."""

    of: str
    label: str
    format: Format = "count"

    @field_validator("of")
    @classmethod
    def _known_measure(cls, text: str) -> str:
        if not MEASURE.fullmatch(text):
            raise ValueError(
                "expected count(), sum(x), average(x), median(x), p95(x), min(x), max(x), distinct(x), streak(day),"
                " current_streak(day) or ratio(x, y)"
            )
        return text

    @property
    def parts(self) -> tuple[str, tuple[str, ...]]:
        """The function and its column names."""
        found = MEASURE.fullmatch(self.of)
        assert found, "checked by the validator"
        return found[1], tuple(name for name in found.groups()[1:] if name)


class Place(_Strict):
    """A card's place on the grid of 24 columns."""

    col: int = Field(ge=0, lt=GRID_COLUMNS)
    row: int = Field(ge=0)
    width: int = Field(ge=2, le=GRID_COLUMNS)
    height: int = Field(ge=2, le=40)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.col + self.width > GRID_COLUMNS:
            raise ValueError(f"col + width is {self.col + self.width}, the grid has {GRID_COLUMNS} columns")
        return self

    def overlaps(self, other: "Place") -> bool:
        """Return whether the two share a cell of the grid."""
        across = self.col < other.col + other.width and other.col < self.col + self.width
        down = self.row < other.row + other.height and other.row < self.row + self.height
        return across and down


class Card(_Strict):
    """One card. It counts rows of a dataset (`by`, `values`), lists them (`list`), or brings its own `sql`."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=3)
    description: str = Field(min_length=10)
    kind: CardKind
    place: Place
    empty: str = Field(min_length=10)
    """The card's text without data: the reason, and what would change it."""
    dataset: str | None = None
    by: tuple[str, ...] = ()
    values: dict[str, Value] = Field(default_factory=dict)
    list_: tuple[str, ...] = Field(default=(), alias="list")
    where: dict[str, str | int | bool] = Field(default_factory=dict)
    sort: str | None = None
    """A column or value to sort by; a leading minus means largest first."""
    limit: int | None = Field(default=None, gt=0)
    better: Literal["up", "down", "neither"] = "neither"
    compare: bool = True
    """For a number: show its change from the period before."""
    from_beginning: bool = False
    """It counts from the first day of the history up to the period's last, which the report names."""
    opens: Literal["session"] | None = None
    """A click on a row opens its session."""
    sql: str | None = None
    marts: tuple[str, ...] = ()
    columns: dict[str, Column] = Field(default_factory=dict)

    @field_validator("columns", mode="before")
    @classmethod
    def _short_form(cls, columns: dict[str, Any]) -> dict[str, Any]:
        return _expand_columns(columns)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.dataset is None) == (self.sql is None):
            raise ValueError(f"card {self.id}: give either dataset or sql")
        if self.sql is not None and not (self.marts and self.columns):
            raise ValueError(f"card {self.id}: sql needs marts and columns beside it")
        if self.dataset is not None and bool(self.values) == bool(self.list_):
            raise ValueError(f"card {self.id}: give either values or list")
        if self.kind == "number" and len(self.values if self.dataset else self.columns) != 1:
            raise ValueError(f"card {self.id}: a number shows exactly one value")
        if self.sql is not None and self.kind not in ("number", "table", "pivot"):
            raise ValueError(f"card {self.id}: custom SQL serves a number or a table; a chart needs a dataset")
        return self


class Tab(_Strict):
    """A tab of a dashboard: a name and its cards."""

    name: str
    cards: tuple[Card, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _no_overlap(self) -> Self:
        for index, card in enumerate(self.cards):
            for other in self.cards[index + 1 :]:
                if card.place.overlaps(other.place):
                    raise ValueError(f"cards {card.id} and {other.id} overlap on tab {self.name!r}")
        return self


class Dashboard(_Strict):
    """One dashboard: what it answers, its filters, its tabs."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    position: int = Field(ge=1)
    title: str
    description: str = Field(min_length=20)
    parameters: tuple[Literal["date_from", "date_to", "project", "model", "host", "session"], ...]
    tabs: tuple[Tab, ...] = Field(min_length=1)

    @property
    def cards(self) -> tuple[Card, ...]:
        """The cards of all tabs, in the order of the file."""
        return tuple(card for tab in self.tabs for card in tab.cards)


@dataclass(frozen=True)
class Catalog:
    """Everything the folder defines, checked as a whole."""

    datasets: dict[str, Dataset]
    dashboards: tuple[Dashboard, ...]

    @cached_property
    def cards(self) -> dict[str, Card]:
        """Every card by `dashboard.card`."""
        return {f"{board.id}.{card.id}": card for board in self.dashboards for card in board.cards}

    def columns_of(self, card: Card) -> dict[str, Column]:
        """The columns of the rows the card reads."""
        return self.datasets[card.dataset].columns if card.dataset else card.columns

    def marts_of(self, card: Card) -> tuple[str, ...]:
        """The marts behind the card: where its figures can be traced to."""
        return self.datasets[card.dataset].marts if card.dataset else card.marts

    def source_of(self, card: Card) -> str:
        """Return the marts to name below the card, without dimensions that only add a name or a date."""
        marts = self.marts_of(card)
        leading = [name for name in marts if name not in ("dim_date", "dim_projects")] or list(marts)
        return ", ".join(f"marts.{name}" for name in leading)


class _UniqueKeyLoader(yaml.CSafeLoader):
    """YAML where a key given twice is an error instead of a silent loss."""


def _unique_mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", node.start_mark)
    return loader.construct_mapping(node, deep=True)


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def _expand_columns(columns: dict[str, Any]) -> dict[str, Any]:
    return {name: {"kind": given} if isinstance(given, str) else given for name, given in columns.items()}


def read_yaml(path: Path) -> Any:
    """The file's content; DefinitionError when it is no YAML or gives a key twice."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _UniqueKeyLoader)  # noqa: S506  a SafeLoader underneath
    except yaml.YAMLError as error:
        raise DefinitionError(f"{path.name}: {' '.join(str(error).split())}") from None


def load_catalog(folder: Path = DASHBOARDS_DIR) -> Catalog:
    """Read and check every file of the folder; DefinitionError says what is wrong and where."""
    datasets_file = folder / "datasets.yaml"
    datasets = {
        name: _parse(Dataset, given, f"{datasets_file.name}: {name}")
        for name, given in read_yaml(datasets_file)["datasets"].items()
    }
    files = sorted(path for path in folder.glob("*.yaml") if path != datasets_file)
    dashboards = sorted((_parse(Dashboard, read_yaml(path), path.name) for path in files), key=lambda d: d.position)
    catalog = Catalog(datasets, tuple(dashboards))
    _check_references(catalog)
    return catalog


def _parse(model: type[_Model], given: Any, where: str) -> _Model:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DefinitionError(f"{where}: {place}: {first['msg'].removeprefix('Value error, ')}") from None


def _check_references(catalog: Catalog) -> None:
    if len(catalog.cards) != sum(len(board.cards) for board in catalog.dashboards):
        raise DefinitionError("two cards of one dashboard, or two dashboards, share an id")
    for key, card in catalog.cards.items():
        if card.dataset and card.dataset not in catalog.datasets:
            raise DefinitionError(f"{key}: dataset {card.dataset!r} is not in datasets.yaml")
        known = catalog.columns_of(card)
        used = {*card.by, *card.list_, *card.where, *(name for v in card.values.values() for name in v.parts[1])}
        if unknown := sorted(used - set(known) if card.dataset else ()):
            raise DefinitionError(f"{key}: {', '.join(unknown)} is no column of {card.dataset or 'its sql'}")
        if card.kind == "heatmap" and not all(known[name].order for name in card.by):
            raise DefinitionError(f"{key}: a heatmap needs the order of both its columns: Metabase shows every cell")
        if card.sort and card.sort.removeprefix("-") not in {*known, *card.values}:
            raise DefinitionError(f"{key}: sort names {card.sort!r}, which is neither a column nor a value")
