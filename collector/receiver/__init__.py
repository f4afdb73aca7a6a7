"""The receiver: an authenticated HTTPS endpoint that stores what other machines' collectors send."""
