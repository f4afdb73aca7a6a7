"""The sender: on a developer's machine, collects into a spool on disk and sends it to the appliance's receiver."""
