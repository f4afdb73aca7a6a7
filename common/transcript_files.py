"""Finds the transcripts below a directory, in a fixed order, and the directories that could not be read.

Transcripts are `*.jsonl` and, compressed, `*.jsonl.gz`; Claude Code's notes on sub-agents are `agent-*.meta.json`.
The prompts of all sessions are in `history.jsonl` beside a directory named `projects`.

Symbolic links are followed, each directory once, so that a project folder on another disk is found and a loop ends.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from common.errors import UsageError


class TranscriptsError(UsageError):
    """A transcripts directory is missing, or may not be read."""

    def __init__(self, root: Path, found: str) -> None:
        """`found` is the reason alone, for callers that name the directory and the remedy themselves."""
        super().__init__(
            f"transcripts directory {root}: expected a readable directory, found: {found}; "
            "set TRANSCRIPTS_DIR or pass --transcripts"
        )
        self.found = found


SUFFIXES = (".jsonl", ".jsonl.gz")
META_SUFFIX = ".meta.json"
PROMPT_HISTORY = "../history.jsonl"
"""Where the prompts of all sessions are, seen from a directory `projects`: they outlive the transcripts."""
LOOSE_FILES_PROJECT = "."
"""The project of transcripts directly in the transcripts directory."""
DESKTOP_SESSIONS = "local-agent-mode-sessions"
"""The desktop app's folder: only what is below a `.claude/projects` in it is a transcript."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """One transcript file: its path and its name in the record store."""

    path: Path
    source_file: str
    """Relative to the transcripts directory, with slashes; bytes that are no UTF-8 written as \\xff."""

    @property
    def stem(self) -> str:
        """The file's name without its suffix: the session of lines without a session id."""
        return self.source_file.rpartition("/")[2].removesuffix(".gz").removesuffix(".jsonl")

    @property
    def is_agent_note(self) -> bool:
        """Whether the file is Claude Code's note on a sub-agent, one JSON object that is rewritten whole."""
        return self.source_file.endswith(META_SUFFIX)


@dataclass(slots=True)
class Findings:
    """The contents of the transcripts directory."""

    transcripts: list[Transcript] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    """Directories, named as in `Transcript.source_file`, and why they could not be read."""


def distinct_roots(roots: Sequence[Path]) -> list[tuple[Path, str]]:
    """Return each transcripts directory once, with the label that distinguishes its files' names from the first one's.

    A directory that is also reached by a link, or is inside an earlier one, is omitted.
    """
    found: list[tuple[Path, str]] = []
    seen: list[Path] = []
    for root in roots:
        real = root.resolve()
        if any(real == other or other in real.parents for other in seen):
            continue
        label = f"~{blake2b(os.fsencode(root), digest_size=3).hexdigest()}/" if found else ""
        found.append((root, label))
        seen.append(real)
    return found


def find(root: Path, label: str = "") -> Findings:
    """Return every transcript below this directory, sorted; `label` is the prefix of their names.

    Raises TranscriptsError if the directory itself is missing or unreadable.
    """
    findings = Findings()
    with _naming(root):
        _walk(_Names(root, label), root, findings, set())
    if root.name == "projects" and _is_file(root.parent / "history.jsonl"):
        findings.transcripts.append(Transcript(root.parent / "history.jsonl", label + PROMPT_HISTORY))
    findings.transcripts.sort(key=lambda transcript: transcript.source_file)
    return findings


def check_folder(root: Path) -> None:
    """Raise TranscriptsError if this transcripts directory is missing or unreadable."""
    with _naming(root), os.scandir(root):
        pass


def absence(root: Path) -> str | None:
    """Return why the transcripts directory appears to be missing; None if it exists, readable or not."""
    try:
        root.stat()
    except FileNotFoundError as error:
        return None if _broken_link(root) else describe(error)
    except PermissionError:
        shut = (folder for folder in reversed(root.parents) if not os.access(folder, os.X_OK, effective_ids=True))
        closed = next(shut, root.parent)
        owner = closed.stat().st_uid
        remedy = f"if the transcripts are in it, set TRANSCRIPTS_UID={owner}"
        return f"{closed} belongs to user {owner} alone, and this runs as user {os.geteuid()}; {remedy}"
    except OSError:  # not absent but faulty: `check_folder` reports that
        return None
    return None


@contextmanager
def _naming(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        found = _broken_link(root) or describe(error)
        raise TranscriptsError(root, found) from None


def _broken_link(root: Path) -> str | None:
    """Return a description of the broken symbolic link in this directory's path, or None."""
    link = next((path for path in (root, *root.parents) if path.is_symlink()), None)
    return f"{link} is a link to {link.readlink()}, which does not exist" if link and not link.exists() else None


@dataclass(frozen=True, slots=True)
class _Names:
    """Names paths below one transcripts directory."""

    root: Path
    label: str

    def of(self, path: Path) -> str:
        return self.label + relative_name(self.root, path)

    def is_transcript(self, path: Path) -> bool:
        if self.root.name == DESKTOP_SESSIONS and f"{os.sep}.claude{os.sep}projects{os.sep}" not in str(path):
            return False
        return path.name.endswith(SUFFIXES) or (path.name.startswith("agent-") and path.name.endswith(META_SUFFIX))


def _walk(names: _Names, folder: Path, findings: Findings, seen: set[tuple[int, int]]) -> None:
    found = folder.stat()
    if (found.st_dev, found.st_ino) in seen:
        return
    seen.add((found.st_dev, found.st_ino))
    for entry in _real_before_links(folder):
        path = folder / entry.name
        if _is_directory(entry):
            try:
                _walk(names, path, findings, seen)
            except OSError as error:
                findings.unreadable[names.of(path)] = describe(error)
        elif names.is_transcript(path):
            findings.transcripts.append(Transcript(path, names.of(path)))


def _real_before_links(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield links last, so that a directory that is also linked keeps its own name."""
    with os.scandir(folder) as entries:
        yield from sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name))


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def transcript(root: Path, path: Path, label: str = "") -> Transcript:
    """Return the transcript at this path below the transcripts directory."""
    return Transcript(path, label + relative_name(root, path))


def relative_name(root: Path, path: Path) -> str:
    """Return the name of a path below the transcripts directory, as valid UTF-8 for databases."""
    return os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "backslashreplace")


def describe(error: OSError) -> str:
    """Describe a file's error in one line, without its path; if access is denied, name the file's owner."""
    text = error.strerror or type(error).__name__
    owner = _owner(error.filename) if isinstance(error, PermissionError) else None
    if owner in {None, os.geteuid()}:
        return text
    return f"{text}: it belongs to user {owner}, and this runs as user {os.geteuid()}"


def _owner(path: str | os.PathLike[str] | None) -> int | None:
    try:
        return None if path is None else Path(path).stat().st_uid
    except OSError:  # its folder is unreadable, too
        return None


def check_regular(found: os.stat_result) -> None:
    """Raise OSError unless it is a regular file: reading a pipe could block forever."""
    if not stat.S_ISREG(found.st_mode):
        raise OSError(0, "not a regular file")


def project_of(source_file: str) -> str:
    """Return the project of a transcript: the first folder below its transcripts directory."""
    project, slash, _ = source_file.removeprefix(label_of(source_file)).partition("/")
    return project if slash else LOOSE_FILES_PROJECT


def label_of(source_file: str) -> str:
    """Return the label of a further transcripts directory, the prefix `~1a2b3c/` of its files; empty for the first."""
    label, slash, _ = source_file.partition("/")
    return f"{label}/" if slash and label.startswith("~") else ""
