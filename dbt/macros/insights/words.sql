{#- What people read of each kind of finding, by its name: title, unit of its quantity, what happened, what to do, what its dollars are. -#}
{%- macro insight_words() -%}
    {%- do return({
        'cold_cache': {
            'title': "Cold cache after a pause",
            'unit': "minutes of pause",
            'meaning': "You came back after the cache had expired, and what Claude had read before was written to the cache again.",
            'advice': "Finish what belongs together before a long pause, or begin the next task in a new session; /compact before a pause makes what is written again small.",
            'dollars': "Exact: the tokens written again, at what writing cost less what reading them would have cost.",
        },
        'far_context': {
            'title': "Context grown far",
            'unit': "answers",
            'meaning': "The conversation went on far beyond the context at which an ordinary window compacts, and every answer paid for all of it.",
            'advice': "Run /compact when a part is done, or begin a new session with the plan in a file.",
            'dollars': "At least: the tokens beyond the limit at the price of a cached token, less the compactions that would have kept them out.",
        },
        'repeated_reads': {
            'title': "Files read again",
            'unit': "reads",
            'meaning': "The same part of a file was read again although it had not changed and was still in the context.",
            'advice': "Name in CLAUDE.md the files that matter and what is in them; ask for a search in place of whole files.",
            'dollars': "At least: the repeated tokens once, at the price of a new token in the next answer. That later answers carry them is not counted. The tokens are estimated from the length of the text.",
        },
        'failing_calls': {
            'title': "Calls that fail again",
            'unit': "calls",
            'meaning': "The same call failed again, and no file had been changed since it failed the last time.",
            'advice': "Write the command that works into CLAUDE.md, or allow it in the settings; stop Claude and say what is wrong.",
            'dollars': "Exact: the share of the answers that made the failed calls again; the first failure is not counted.",
        },
        'subagent_cost': {
            'title': "Sub-agents that cost more than they return",
            'unit': "tool calls",
            'meaning': "A sub-agent ended without a result, most of its calls failed, or it made next to no call for what it had to read to begin with.",
            'advice': "Ask for small things in the conversation itself; give sub-agents whole tasks, and a cheaper model.",
            'dollars': "Without a result: all that it cost. With next to no call: its first prompt; what the conversation would have paid instead is not taken off.",
        },
        'skill_cost': {
            'title': "Skills that cost more than they return",
            'unit': "failed calls",
            'meaning': "Most of the tool calls that a skill led to failed.",
            'advice': "Mend the skill, or remove it.",
            'dollars': "Exact: the share of the answers that made the failed calls.",
        },
        'mcp_cost': {
            'title': "MCP servers that cost more than they return",
            'unit': "failed calls",
            'meaning': "Most calls to a server failed.",
            'advice': "Mend the server's settings, or disconnect it: its tool definitions are in every prompt.",
            'dollars': "Exact: the share of the answers that made the failed calls. What tool definitions cost is in no transcript, and not counted.",
        },
        'split_session': {
            'title': "Sessions better split",
            'unit': "answers",
            'meaning': "After a long pause the session went on with other files, and each answer carried the context of the work before.",
            'advice': "Begin a new session, or run /clear, when the task changes.",
            'dollars': "At most: the old context at the price of a cached token, for each answer until a compaction. Part of it may have been of use.",
        },
        'dear_model': {
            'title': "Models dearer than the task",
            'unit': "answers",
            'meaning': "A whole conversation, or a sub-agent, without thinking, with short answers, few calls and no change to a file, on a model that has a cheaper sibling.",
            'advice': "Choose the cheaper model for such questions (/model), and for sub-agents in their definition.",
            'dollars': "At most: the difference to the list price of the cheaper model for the same tokens. It may count tokens otherwise, and answer otherwise.",
        },
    }) -%}
{%- endmacro -%}
