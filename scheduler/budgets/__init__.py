"""Cost centres, budgets and monthly statements: what enters the models, what is told, and what is closed for good.

`config.py` reads the user's file; `inputs.py` brings it, the rates, the remotes and the closed statements into the
work database; `statements.py` keeps closed statements as files; `notices.py` tells of budgets. Nothing here loads
pydantic but through `common.settings`, so that the terminal's commands stay quick.
"""
