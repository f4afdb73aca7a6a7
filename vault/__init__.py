"""The vault: backup, restore, forgetting, and writing transcripts back byte for byte."""
