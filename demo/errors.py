"""The error that ends the demo with a message."""


class DemoError(Exception):
    """The demo cannot continue. The message names the reason and what to do."""
