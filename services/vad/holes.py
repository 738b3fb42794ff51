"""The holes of a channel's sound that are not told yet; pure."""

from speakerline.services.vad.sequencer import Hole


class Holes:
    """size: samples of a chunk. pending: what is not told yet, ascending."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.pending: list[Hole] = []

    def add(self, hole: Hole) -> None:
        """A hole behind all others."""
        self.pending.append(hole)

    def taken(self, chunk: int) -> list[Hole]:
        """The holes that end by this chunk, each once."""
        due = [hole for hole in self.pending if self.last_chunk(hole) <= chunk]
        self.pending = self.pending[len(due) :]
        return due

    def last_chunk(self, hole: Hole) -> int:
        """The chunk with the hole's last sample, where it is told."""
        return max(hole.end - 1, hole.start) // self._size

    def complete(self, first: int, count: int, whole: int) -> list[bool]:
        """Which of `count` chunks from `first` on have all of their samples; none from `whole` on has."""
        complete = [first + i < whole for i in range(count)]
        for hole in self.pending:
            for chunk in range(max(hole.start // self._size, first), min(-(-hole.end // self._size), first + count)):
                complete[chunk - first] = False
        return complete
