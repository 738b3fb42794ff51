"""The command line: `speakerline COMMAND`, one module a command or a family of commands."""
