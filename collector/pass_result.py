"""The results of a pass, while it runs and at its end."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class CollectProgress(BaseModel):
    """The progress of a pass."""

    model_config = ConfigDict(frozen=True)

    files_done: int
    """Files checked, including unchanged ones."""
    files_total: int
    bytes_done: int
    """Bytes read, of those that are new."""
    bytes_total: int
    lines: int
    """Lines read so far."""


@dataclass(slots=True)
class CollectResult:
    """The result of a pass, or its result so far."""

    files: int = 0
    """Transcripts found."""
    files_read: int = 0
    """Of these, files with new bytes."""
    files_unreadable: int = 0
    """Files and directories that could not be read; `transcript_files` says why."""
    files_unfinished: int = 0
    """Files whose last line is half written; it is read when it is complete."""
    lines: int = 0
    """Lines read: documents + known + duplicates + dead_letters + forgotten + excluded."""
    documents: int = 0
    """Lines stored as new documents."""
    known: int = 0
    """Lines that an interrupted pass over the same file had stored already."""
    duplicates: int = 0
    """Lines whose document came from elsewhere: another file, or earlier in the same one."""
    dead_letters: int = 0
    """Lines rejected because they are not a JSON object."""
    forgotten: int = 0
    """Lines that are not stored again: a request to forget covers them."""
    excluded: int = 0
    """Prompts of Claude Code's history that are not stored: PROJECTS_EXCLUDED names their project."""
    files_forgotten: int = 0
    """Files that were not read: a request to forget covers all of their lines."""
    files_excluded: int = 0
    """Files that were not read: PROJECTS_EXCLUDED names their project."""
    bytes_read: int = 0
    """Bytes of new lines."""
    resets: int = 0
    """Files that had been truncated or replaced and were read from their start."""
    seconds: float = 0.0
