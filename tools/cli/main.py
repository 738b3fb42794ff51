"""`speakerline`. Little is imported here, because Ctrl-C shows a traceback until `main` is reached."""

import signal
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 success, 1 failure (one line says why), 2 wrong usage, 130 interrupted."""
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:  # an import may swallow KeyboardInterrupt, and nothing runs yet that must be taken down
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    words = sys.argv[1:] if arguments is None else arguments
    try:
        from speakerline.tools.cli.command_line import command_line, run_command

        parser = command_line(words)
    finally:
        if heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    return run_command(parser, words)


if __name__ == "__main__":
    sys.exit(main())
