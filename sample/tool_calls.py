"""The tool calls of the generated sample: what Claude asks for, what comes back, and how long it takes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sample.content import COMMANDS, FAILURES, SUBJECTS, Project, code, fill, output

DENIED = "The user doesn't want to proceed with this tool use."


@dataclass
class Call:
    """One tool call with its result."""

    name: str
    input: dict[str, Any]
    text: str
    """What the model sees of the result."""
    result: dict[str, Any] | str | list[Any]
    """What Claude Code keeps of it, `toolUseResult`."""
    seconds: float
    is_error: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    """Further fields of the result's line."""
    lines_added: int = 0
    lines_removed: int = 0


def next_call(random: Random, project: Project) -> Call:
    """A call as a session might make it: shell, reading and editing above all."""
    make = random.choices([tool for tool, _ in _TOOLS], [weight for _, weight in _TOOLS])[0]
    call = make(random, project)
    if random.random() < 0.012:
        return _denied(random, call)
    return _failed(random, project, call) if random.random() < 0.05 else call


def _denied(random: Random, call: Call) -> Call:
    kind = random.choice(("user-rejected", "permission-rule", "automode-blocked"))
    return Call(call.name, call.input, DENIED, f"Error: {DENIED}", 2.5, True, {"toolDenialKind": kind})


def _failed(random: Random, project: Project, call: Call) -> Call:
    if call.name == "Bash":
        text = f"Exit code {random.choice((1, 1, 1, 2, 101))}\n{fill(random, random.choice(FAILURES), project)}"
    elif call.name == "Edit":
        text = "<tool_use_error>String to replace not found in file.</tool_use_error>"
    else:
        text = f"<tool_use_error>{call.name}: nothing there.</tool_use_error>"
    return Call(call.name, call.input, text, f"Error: {text}", call.seconds, True)


def _path(random: Random, project: Project) -> str:
    return f"{project.cwd}/{random.choice(project.files)}"


def _bash(random: Random, project: Project) -> Call:
    command = fill(random, random.choice(COMMANDS), project)
    shown = output(random, command, project)
    result = {"stdout": shown, "stderr": "", "interrupted": False, "isImage": False, "noOutputExpected": False}
    seconds = random.uniform(4, 70) if command in (project.test, project.build) else random.uniform(0.05, 1.5)
    return Call("Bash", {"command": command, "description": "Look at the state"}, shown, result, seconds)


def _background(random: Random, project: Project) -> Call:
    task = f"b{random.getrandbits(24):06x}"
    result = {"stdout": "", "stderr": "", "interrupted": False, "isImage": False, "backgroundTaskId": task}
    wanted = {"command": project.test, "run_in_background": True}
    return Call("Bash", wanted, f"Command running in background with ID: {task}", result, 0.2)


def git_call(random: Random, project: Project, branch: str, kind: str) -> Call:
    """A commit, a push or a pull request, as Claude Code recognises them in a command."""
    sha, number = f"{random.getrandbits(32):08x}", random.randint(10, 180)
    url = f"https://git.example/robin/{project.cwd.rpartition('/')[2].strip('.')}/pull/{number}"
    subject = f"{random.choice(SUBJECTS)} the {random.choice(project.things)}"
    command, operation = {
        "commit": (f'git commit -am "{subject}"', {"commit": {"sha": sha, "kind": "committed"}}),
        "push": (f"git push origin {branch}", {"push": {"branch": branch}}),
        "pr": ("gh pr create --fill", {"pr": {"number": number, "url": url, "action": "created"}}),
    }[kind]
    shown = url if kind == "pr" else f"[{branch} {sha}] {subject}"
    result = {"stdout": shown, "stderr": "", "interrupted": False, "isImage": False, "gitOperation": operation}
    return Call("Bash", {"command": command}, shown, result, random.uniform(0.3, 4))


def _read(random: Random, project: Project) -> Call:
    path = _path(random, project)
    lines = code(random, path, random.randint(8, 60))
    content = "\n".join(lines)
    about = {"filePath": path, "content": content, "numLines": len(lines), "startLine": 1, "totalLines": len(lines)}
    return Call("Read", {"file_path": path}, content, {"type": "text", "file": about}, random.uniform(0.02, 0.2))


def _edit(random: Random, project: Project) -> Call:
    path = _path(random, project)
    old, new = code(random, path, random.randint(1, 6)), code(random, path, random.randint(1, 14))
    start = random.randint(1, 200)
    hunk = {
        "oldStart": start, "oldLines": len(old) + 1, "newStart": start, "newLines": len(new) + 1,
        "lines": [" ", *(f"-{line}" for line in old), *(f"+{line}" for line in new)],
    }  # fmt: skip
    wanted = {"file_path": path, "old_string": "\n".join(old), "new_string": "\n".join(new), "replace_all": False}
    result: dict[str, Any] = {
        "filePath": path, "oldString": wanted["old_string"], "newString": wanted["new_string"],
        "originalFile": None, "structuredPatch": [hunk], "userModified": False, "replaceAll": False,
    }  # fmt: skip
    text = f"The file {path} has been updated."
    seconds = random.uniform(0.05, 0.4) if random.random() < 0.8 else random.uniform(2, 25)
    return Call("Edit", wanted, text, result, seconds, lines_added=len(new), lines_removed=len(old))


def _write(random: Random, project: Project) -> Call:
    path = _path(random, project)
    lines = code(random, path, random.randint(10, 80))
    content = "\n".join(lines)
    result: dict[str, Any] = {
        "type": "create",
        "filePath": path,
        "content": content,
        "structuredPatch": [],
        "originalFile": None,
    }
    text = f"File created successfully at: {path}"
    wanted = {"file_path": path, "content": content}
    return Call("Write", wanted, text, result, random.uniform(0.05, 6), lines_added=len(lines))


def _grep(random: Random, project: Project) -> Call:
    files = random.sample(project.files, random.randint(1, min(4, len(project.files))))
    shown = "\n".join(files)
    result = {"mode": "files_with_matches", "filenames": files, "numFiles": len(files)}
    wanted = {"pattern": random.choice(project.things).split()[0], "output_mode": "files_with_matches"}
    return Call("Grep", wanted, f"Found {len(files)} files\n{shown}", result, random.uniform(0.03, 0.4))


def _glob(random: Random, project: Project) -> Call:
    result = {"filenames": list(project.files), "durationMs": 12, "numFiles": len(project.files), "truncated": False}
    return Call("Glob", {"pattern": "**/*"}, "\n".join(project.files), result, random.uniform(0.02, 0.2))


def _todo(random: Random, project: Project) -> Call:
    done = random.randint(0, 3)
    states = ["completed"] * done + ["in_progress"] + ["pending"] * (3 - done)
    todos = [
        {"content": f"{random.choice(SUBJECTS)} the {thing}", "status": status, "activeForm": "Working"}
        for thing, status in zip(project.things, states, strict=False)
    ]
    return Call("TodoWrite", {"todos": todos}, "Todos have been modified.", {"oldTodos": [], "newTodos": todos}, 0.03)


def _task_update(random: Random, _: Project) -> Call:
    task = str(random.randint(1, 9))
    change = {"from": "in_progress", "to": "completed"}
    result = {"success": True, "taskId": task, "updatedFields": ["status"], "statusChange": change}
    wanted = {"taskId": task, "status": "completed"}
    return Call("TaskUpdate", wanted, f"Updated task #{task} status", result, 0.03)


def _fetch(random: Random, project: Project) -> Call:
    url = f"https://docs.example/{random.choice(project.things).replace(' ', '-')}"
    shown = f"The page describes the {random.choice(project.things)} in three steps."
    result = {"bytes": random.randint(3000, 90000), "code": 200, "codeText": "OK", "result": shown, "url": url}
    return Call("WebFetch", {"url": url, "prompt": "What does it say?"}, shown, result, random.uniform(1, 9))


def _search(random: Random, project: Project) -> Call:
    query = f"{random.choice(project.things)} best practice"
    result = {"query": query, "results": [{"content": [{"title": "A page", "url": "https://docs.example/a"}]}]}
    return Call("WebSearch", {"query": query}, "One page found.", result, random.uniform(2, 9))


def _skill(random: Random, _: Project) -> Call:
    name = random.choice(("changelog", "release-notes"))
    result = {"success": True, "commandName": name}
    return Call("Skill", {"skill": name}, f"Launching skill: {name}", result, 0.05)


def _mcp(random: Random, project: Project) -> Call:
    tool, key = random.choice((("mcp__tracker__get_issue", "issue"), ("mcp__tracker__add_comment", "comment")))
    blocks = [{"type": "text", "text": f"{key} {random.randint(1, 400)}: {random.choice(project.things)}"}]
    return Call(tool, {"id": random.randint(1, 400)}, blocks[0]["text"], blocks, random.uniform(0.3, 3))


def _screenshot(random: Random, _: Project) -> Call:
    result = [{"type": "text", "text": "Took a screenshot"}]
    return Call(
        "mcp__browser__take_screenshot", {"fullPage": True}, "Took a screenshot", result, random.uniform(0.5, 3)
    )


def _question(random: Random, project: Project) -> Call:
    question = f"Which {random.choice(project.things)} do you mean?"
    result = {"questions": [{"question": question, "header": "Scope"}], "answers": {question: "The first"}}
    return Call("AskUserQuestion", {"questions": result["questions"]}, "The first", result, random.uniform(5, 90))


def _notebook(random: Random, project: Project) -> Call:
    source = "\n".join(code(random, "a.py", 4))
    wanted = {"notebook_path": f"{project.cwd}/explore.ipynb", "new_source": source, "cell_type": "code"}
    result = {"cell_number": 3, "new_source": source, "language": "python", "edit_mode": "replace", "error": ""}
    return Call("NotebookEdit", wanted, "Updated cell 3", result, 0.1)


def _unknown(random: Random, _: Project) -> Call:
    """A tool that is in none of our tables; it must be in every figure all the same."""
    return Call("LighthouseSweep", {"range": random.randint(1, 9)}, "swept", {"swept": True}, random.uniform(0.2, 2))


_TOOLS: tuple[tuple[Callable[[Random, Project], Call], float], ...] = (
    (_bash, 33), (_read, 25), (_edit, 20), (_grep, 7), (_write, 4), (_glob, 2.5), (_todo, 3), (_task_update, 3),
    (_fetch, 1), (_search, 0.8), (_skill, 0.7), (_mcp, 1.4), (_screenshot, 0.5), (_question, 0.6), (_notebook, 0.4),
    (_background, 0.7), (_unknown, 0.5),
)  # fmt: skip
