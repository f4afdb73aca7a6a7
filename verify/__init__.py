"""The independent second count. Its rules are written from docs/counting.md and share no code with the rest."""
