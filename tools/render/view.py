"""Puts a running call on a console: the live view on a terminal, plain lines anywhere else."""

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live

from speakerline.shared.contract import v1
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.render.plain import PlainLog
from speakerline.tools.render.terminal import render

REFRESH_S = 0.125
"""No terminal is drawn more often."""


class CallView:
    """`with CallView(console, timeline) as view: ... timeline.apply(event); view.show(now_ms, event)`.

    turn_ids: whether plain lines have the ids of turns."""

    def __init__(
        self, console: Console, timeline: Timeline, duration_ms: int | None = None, turn_ids: bool = False
    ) -> None:
        self._console = console
        self._timeline = timeline
        self._duration_ms = duration_ms
        self._plain = PlainLog(turn_ids)
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._drawn = 0.0
        self._now_ms = timeline.duration_ms

    def __enter__(self) -> "CallView":
        if self._live:
            self._live.start()
            if self._timeline.seq:
                self._draw(self._live)
        return self

    def show(self, now_ms: int, event: v1.TimelineEvent | None = None) -> None:
        """The call has reached `now_ms`; `event`, if any, has just been applied to the timeline."""
        self._now_ms = now_ms
        if self._live is None:
            for line in self._plain.lines(event, self._timeline) if event else ():
                self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        elif time.monotonic() >= self._drawn + REFRESH_S:
            self._draw(self._live)

    def _draw(self, live: Live) -> None:
        live.update(render(self._timeline, self._now_ms, self._duration_ms), refresh=True)
        self._drawn = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._draw(self._live)
            self._live.stop()
