"""The chain wired together on one machine, without containers."""
