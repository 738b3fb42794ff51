"""Who speaks when on one call, live: windows in, changes out, and a final pass that keeps the ids. No clock, no
randomness."""

from collections.abc import Mapping
from math import inf

import numpy as np

from speakerline.services.clustering.channel import RECENT_MS, ChannelClusterer
from speakerline.services.clustering.hand import Hand
from speakerline.services.clustering.parties import VOICED_S, Parties
from speakerline.services.clustering.roster import Roster, match_names
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.services.clustering.turns import LabelledSpan, TurnBook
from speakerline.shared.arrays import Float32s
from speakerline.shared.contract.v1 import Separation, Speech, SpeechState, TurnBody, VoiceWindow
from speakerline.shared.voiceprints.calibration import Calibration, unit

ALL_MS = 2**40
"""Later than any time of a call."""
BELIEVE_MS = 10_000
"""How often a known number of people is shared out anew among channels."""
NAMING_S = 4.0
"""Lone speech of a speaker before it is compared with enrolled voices; who has a name always is."""


class CallClusterer:
    """The clustering of one call.

    expected_speakers: exactly so many people on the call; max_speakers: no more than that, without either as many as
    the settings say. channels: how many the call has; on a call with several, voices are compared only within each.
    separate: each is a party. known_voices: enrolled voiceprints (D,) by name. Windows of a channel must come in order;
    the same windows give the same changes, also after `load` (of `stored`) at any point.
    """

    def __init__(
        self,
        calibration: Calibration,
        settings: ClusterSettings | None = None,
        expected_speakers: int | None = None,
        max_speakers: int | None = None,
        known_voices: Mapping[str, Float32s] | None = None,
        channels: int = 1,
        separate: bool = False,
    ) -> None:
        for name, value in (("expected_speakers", expected_speakers), ("max_speakers", max_speakers)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.calibration = calibration
        self.settings = settings or ClusterSettings()
        if not expected_speakers and not max_speakers:
            max_speakers = self.settings.max_speakers or None
        self.parties = Parties(channels, separate, expected_speakers, max_speakers)
        self.voiced: set[int] = set()
        """The channels that have had a voice so far."""
        self.believed_ms = 0
        """When a known number of people was shared out last."""
        prior = calibration.prior_mean.astype(np.float64)
        self.known = {
            name: calibration.place(vector.astype(np.float64)[None], prior)[0]
            for name, vector in sorted((known_voices or {}).items())
        }
        self.channels: dict[int, ChannelClusterer] = {}
        self.books: dict[int, TurnBook] = {}
        self.roster = Roster()
        self.hand = Hand(self.roster.merged)
        self.next_turn = 1
        self.finished = False
        self._shown: dict[int, list[LabelledSpan]] = {}
        """The timelines of channels as rendered since anything changed: between two windows only time passes."""

    def push(self, window: VoiceWindow) -> list[TurnBody]:
        """Take one window in; returns what changed."""
        if self.finished:
            raise ValueError(f"the call is finished; a window that ends at {window.end_ms} ms came after")
        self._shown = {}
        channel = self._channel(window.channel)
        changes = channel.push(window, self.roster)
        self._note_voice(channel, window.end_ms)
        channel.give(window.end_ms - RECENT_MS)
        rendered = channel.rendered()
        changes += self._publish(window.channel, rendered, window.end_ms - self.settings.provisional_ms)
        if channel.settle(window.end_ms, rendered):
            book, edge_ms = self.books[window.channel], channel.settled.through_ms - self.settings.gap_ms
            self.hand.note_settled(book.turns.values(), edge_ms)
            changes += book.forget(edge_ms)
            channel.lifted.forget(edge_ms)
        else:
            self._shown[window.channel] = rendered
        return changes

    def note_speech(self, speech: Speech) -> None:
        """Remember whether a segment of speech is open, and since when."""
        closed = speech.state == SpeechState.CLOSED
        self._channel(speech.channel).open_ms = None if closed else speech.start_ms

    def extend(self, now_ms: int) -> list[TurnBody]:
        """Where speech is open after the last window, its last speaker goes on, provisionally; returns what changed."""
        changes: list[TurnBody] = []
        for number, channel in sorted(self.channels.items()):
            if channel.open_ms is None:
                continue
            if number not in self._shown:
                self._shown[number] = channel.rendered()
            if spans := channel.extended(now_ms, self._shown[number]):
                changes += self._publish(number, spans, channel.last_window_ms - self.settings.provisional_ms)
        return changes

    def take(self, lifted: Separation) -> list[TurnBody]:
        """Take in the separation of an overlap, or why there is none; returns what changed."""
        if self.finished:
            raise ValueError(f"the call is finished; {lifted.separation_id} came after")
        self._shown = {}
        channel = self._channel(lifted.channel)
        channel.take(lifted)
        settled_ms = channel.last_window_ms - self.settings.provisional_ms
        return self._publish(lifted.channel, channel.rendered(), settled_ms)

    def relabel(self, number: int, now_ms: int) -> list[TurnBody]:
        """Divide a channel anew, now that an operator has said something; returns what changed."""
        self._shown = {}
        channel = self.channels[number]
        if not channel.history.retained:
            return []
        changes = channel.divide(self.roster, final=False)
        channel.give()
        rendered = channel.rendered()
        spans = channel.extended(now_ms, rendered) or rendered
        return changes + self._publish(number, spans, channel.last_window_ms - self.settings.provisional_ms)

    def finish(self) -> list[TurnBody]:
        """The final pass over what is remembered; only differences are returned, and nothing changes afterwards."""
        changes: list[TurnBody] = []
        self._believe()
        for number in sorted(self.channels):
            changes += self.channels[number].divide(self.roster, final=True)
            self.channels[number].give()
        for number in sorted(self.channels):
            changes += self._publish(number, self.channels[number].rendered(), ALL_MS)
        self.finished = True
        return changes

    @property
    def finalized_through_ms(self) -> int:
        """Turns before this time never change again."""
        if self.finished:
            return max((channel.last_window_ms for channel in self.channels.values()), default=0)
        edges = [channel.settled.through_ms - self.settings.gap_ms for channel in self.channels.values()]
        return max(0, min(edges, default=0))

    def _channel(self, number: int) -> ChannelClusterer:
        if number not in self.channels:
            self.channels[number] = self.new_channel(number)
            self.books[number] = TurnBook(number)
        return self.channels[number]

    def new_channel(self, number: int) -> ChannelClusterer:
        """With what is believed of it now."""
        settings = self.parties.settings(self.settings, self.voiced)
        limits = self.parties.limits(number, self.voiced, self._apart)
        return ChannelClusterer(number, self.calibration, settings, limits, self.hand)

    def _note_voice(self, channel: ChannelClusterer, now_ms: int) -> None:
        new = channel.number not in self.voiced and channel.lone_s >= VOICED_S
        self.voiced |= {channel.number} if new else set()
        if new or (self.parties.counted and now_ms >= self.believed_ms + BELIEVE_MS):
            self.believed_ms = now_ms
            self._believe()

    def _believe(self) -> None:
        """What is believed of each channel, now that it shows which have voices, and how many can be told apart."""
        for number, channel in self.channels.items():
            channel.settings = self.parties.settings(self.settings, self.voiced)
            channel.limits = self.parties.limits(number, self.voiced, self._apart)

    def _apart(self, number: int, people: int) -> float:
        return self.channels[number].apart(people) if number in self.channels else -inf

    def _publish(self, number: int, rendered: list[LabelledSpan], settled_ms: int) -> list[TurnBody]:
        names = self.named()
        turns = self.books[number].update(rendered, settled_ms, self.next_turn)
        self.next_turn = max([self.next_turn, *(turn + 1 for turn in self.books[number].turns)])
        return [*names, *turns, *self.channels[number].lifted.news()]

    def named(self) -> list[TurnBody]:
        """Which speakers were named, or sound like enrolled voices, over all channels; returns what changed."""
        found = self._enrolled() if self.known else {}
        return list(self.roster.rename(self.hand.named_over(found)))

    def _enrolled(self) -> dict[int, tuple[str, float]]:
        """Names of enrolled voices, of speakers whom no operator has named."""
        prior = self.calibration.prior_mean.astype(np.float64)
        means = {s: mean for channel in self.channels.values() for s, mean in channel.raw_means().items()}
        named = self.roster.names
        free = {s: mean for s, mean in means.items() if self.hand.name_of(s) is None}
        raw = {s: mean for s, mean in free.items() if s in named or np.linalg.norm(mean) >= NAMING_S * 0.7}
        people = {s: self.calibration.place(unit(mean)[None], prior)[0] for s, mean in raw.items()}
        same, slope = self.calibration.known
        known = {name: voice for name, voice in self.known.items() if name not in self.hand.names.values()}
        return match_names(people, known, float(same), float(slope), named)
