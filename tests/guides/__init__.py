"""The tasks that the guides of the source systems name, so that their snippets run as they are written there."""
