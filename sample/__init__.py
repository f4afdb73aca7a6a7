"""The generated sample: the transcripts of one invented person, laid out as Claude Code lays them out."""
