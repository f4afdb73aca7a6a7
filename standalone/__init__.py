"""The whole thing on one machine without containers: wires the rooms together, and the command line."""
