"""What random histories say of outcomes, git and prices: each value is one that a rule of docs/counting.md is about."""

import random
from typing import Any

from tests.integration.warehouse import Line

_MODELS = (
    *("claude-opus-4-6", "claude-opus-4-6", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-opus-4-6-fast"),
    *(
        "anthropic/claude-4.6-opus",
        "claude-opus-4-6-fast-v1:0",
        "claude-opus-4-6-huge",
        "gpt-9",
        "claude-haiku-4-5@default",
    ),
)
_COMMANDS: tuple[Any, ...] = (
    *("make", "git commit -m x", "git -c user.name='A B' commit --amend", "git cherry-pick abc && gh pr create"),
    *(
        "gh pr create --fill",
        "cat .git/hooks/commit-msg",
        "git config commit.gpgsign",
        "glab mr create",
        None,
        5,
        ["git commit"],
    ),
)
_TOOLS = ("Bash", "Bash", "Bash", "PowerShell", "WebSearch", "mcp__x__y", "Edit", "")
_OUTPUTS: tuple[Any, ...] = (
    *("", "x", "xx", "xxx", "Exit code 1\nthis requires approval", "Error: this tool requires your approval", None, 7),
    *(
        "The user doesn't want to proceed with this",
        "<tool_use_error>The user doesn't want to proceed",
        "Tool use rejected",
    ),
    *(
        "Permission to use Bash has been denied.",
        "Permission for x denied",
        "The call was automatically blocked",
        "is denied",
    ),
    *("[Request interrupted by user]", "half\n[Request interrupted by user", "a [Request interrupted by user"),
    *("[main abcdef1] Add", "x\n[b (root-commit) 1234567890] y\n[c 7654321] z", "[main abc] no", " [main abcdef1] no"),
    *("https://git.example/o/r/pull/7", "already exists:\nhttps://git.example/o/r/pull/8"),
    "see https://git.example/g/o/r/-/merge_requests/9 and https://git.example/o/r/pull/new/x",
    [{"type": "text", "text": "Error: Claude requested permissions to write"}, {"type": "text", "text": "x"}],
    ["requires approval"],
    "hook\n" * 500 + "[main abcdef2] Late",
    "." * 1980 + " https://git.example/o/r/pull/1234567 and more",
    [{"text": "." * 2500}, {"text": "[Request interrupted by user"}, {"text": "https://git.example/o/r/pull/13"}],
    "." * 2500 + " already exists:\nhttps://git.example/o/r/pull/14",
    [{"type": "image"}, "Claude requested permission to x"],
    {"text": "https://git.example/o/r/pull/10"},
)
_BESIDE: tuple[Line, ...] = (
    {"toolUseResult": {"interrupted": True}},
    {"toolUseResult": {"searchCount": 2}},
    {"toolUseResult": {"searchCount": "3"}},
    {"toolUseResult": {"gitOperation": {"commit": {"sha": "abcdef1", "kind": "committed"}, "push": {"branch": "b"}}}},
    {"toolUseResult": {"gitOperation": {"push": {"branch": "b"}}}},
    {
        "toolUseResult": {
            "gitOperation": {"pr": {"number": "12", "url": "https://git.example/o/r/pull/12", "action": "edited"}}
        }
    },
    {"toolUseResult": {"gitOperation": {"commit": None, "pr": "x"}}},
    {"toolUseResult": "Error: x"},
    {"toolDenialKind": "user-rejected"},
    {"toolDenialKind": "automode-blocked"},
)
_TERMS: tuple[Line, ...] = (
    {"speed": "fast"},
    {"speed": "standard"},
    {"inference_geo": "us"},
    {"service_tier": "batch"},
    {"service_tier": "auto"},
    {"server_tool_use": {"web_search_requests": 1}},
    {"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 7}},
    {"cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 20}},
    {"input_tokens": 200_001},
)


class Facts:
    """Draws what lines say, by the chances of a history."""

    def __init__(self, chances: random.Random) -> None:
        self._random = chances

    def model(self) -> str:
        """Return the id of a model."""
        return self._random.choice(_MODELS)

    def call(self, block: Line) -> Line:
        """Return a call with a tool and a command, or with none."""
        named = block | {"name": self._random.choice(_TOOLS)}
        return named | self._random.choice(({"input": {"command": self._random.choice(_COMMANDS)}}, {}, {"input": "x"}))

    def result(self, tool_id: str) -> tuple[Line, Line]:
        """Return the block of a result, and what its line says beside it."""
        block: Line = {"type": "tool_result", "tool_use_id": tool_id, "content": self._random.choice(_OUTPUTS)}
        if self._random.random() < 0.1:
            failed = self._random.choice(({"is_error": True}, {"content": {"type": "web_search_tool_result_error"}}))
            block = {"type": "web_search_tool_result", "tool_use_id": tool_id} | failed
        elif self._random.random() < 0.5:
            block["is_error"] = self._random.choice((True, True, "true", False, None))
        return block, self._random.choice(_BESIDE) if self._random.random() < 0.4 else {}

    def usage(self, usage: Line) -> Line:
        """Return a usage with terms that change its price, and with models that were asked within."""
        for _ in range(self._random.choice((0, 0, 1, 2))):
            usage = usage | self._random.choice(_TERMS)
        if self._random.random() < 0.15:
            own = {"type": "message", "input_tokens": 10, "output_tokens": 1}
            asked = {"type": "advisor_message", "model": self.model(), "output_tokens": self._random.randint(1, 9)}
            usage = usage | {"iterations": self._random.choice(([own], [own, asked], [own, asked, asked], [asked]))}
        return usage
