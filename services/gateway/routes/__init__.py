"""The routes of the gateway, one subject a file."""
