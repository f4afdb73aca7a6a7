"""What keeps the history safe: backups and their way back, and transcripts given back as they were read."""
