"""The command line: one file per command group; `cli.appliance` holds the commands of the Docker appliance."""
