"""The clustering of one channel: labels for its tracklets, speakers for its people, a rendered timeline."""

from collections.abc import Sequence

import numpy as np

from speakerline.services.clustering.channel_timeline import Voices, channel_timeline, extended
from speakerline.services.clustering.giving import activity, agreement, give, grid, scores
from speakerline.services.clustering.hand import Hand
from speakerline.services.clustering.history import BLOCK, History, TrackedWindow
from speakerline.services.clustering.lifted import LiftedBook, voiceprints
from speakerline.services.clustering.partition import BESIDE_COST, Limits, Tracks, pair_logits, partition
from speakerline.services.clustering.pins import pinned, pinned_tracklets
from speakerline.services.clustering.roster import Roster, match_people, speaker_id
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.services.clustering.settled import Settled
from speakerline.services.clustering.told import Told
from speakerline.services.clustering.tracks import tracks_of
from speakerline.services.clustering.turns import LabelledSpan
from speakerline.shared.arrays import Float64s
from speakerline.shared.contract.v1 import Separation, SpeakerSplit, TurnBody, VoiceWindow
from speakerline.shared.pipeline import SEPARATION_AFTER_MS, SEPARATION_BEFORE_MS
from speakerline.shared.voiceprints.calibration import Calibration

SHARPNESS = 6.0
"""Log odds of a label per unit of cosine between the best and the second-best speaker."""

RECENT_MS = 10_000
"""So long after an overlap its sources are given anew with every window; later, when speakers merge, and in the end."""


class ChannelClusterer:
    """One channel of a call; the roster of speakers is the call's.

    labels, certainty: of every retained tracklet, by its place. people, means, centre: the speakers that the last
    partition found, where their voices lie, and the centre from which they were seen. settled: what has left the
    history. dormant: speakers without speech of their own any more -> (who has it, since
    when in ms); the next new voice gets such an id, before it is merged for good. lifted: the separated
    voices of overlaps. open_ms: where the open segment of speech began. hand: the call's, what operators have said of
    it; a speaker who was merged into another keeps its labels, and is shown as that one.
    """

    def __init__(
        self,
        number: int,
        calibration: Calibration,
        settings: ClusterSettings,
        limits: Limits,
        hand: Hand | None = None,
    ) -> None:
        self.number = number
        self.hand = hand or Hand()
        self.calibration, self.settings, self.limits = calibration, settings, limits
        self.history = History(calibration.size)
        self.lifted = LiftedBook()
        self.labels: list[int] = []
        self.certainty: list[float] = []
        self.people: list[int] = []
        self.means: Float64s = np.zeros((0, calibration.size))
        self.centre: Float64s = calibration.prior_mean.astype(np.float64)
        self.settled = Settled(calibration.size)
        self.dormant: dict[int, tuple[int, int]] = {}
        self.next_partition_ms = 0
        self.open_ms: int | None = None

    def push(self, window: VoiceWindow, roster: Roster) -> list[TurnBody]:
        """Take a window in; returns changes of speakers. The timeline is in `rendered`."""
        self.history.append(window)
        self.labels += [-1] * (self.history.tracklets - len(self.labels))
        self.certainty += [0.0] * (self.history.tracklets - len(self.certainty))
        if window.end_ms < self.next_partition_ms:
            self._label_latest()
            self._pin_latest()
            return []
        changes = self.divide(roster, final=False)
        wait_s = 1 + self.history.tracklets // self.settings.tracklets_per_s
        self.next_partition_ms = window.end_ms + 1000 * wait_s
        return changes

    def divide(self, roster: Roster, final: bool) -> list[TurnBody]:
        """Cluster everything that is remembered, and map the clusters to the speakers already shown."""
        tracks = self._tracks()
        told = self._told(tracks)
        found = partition(tracks, self.calibration, self.settings, self.limits, final, told)
        people = len(found.mass_s)
        shared = np.zeros((people, len(roster.channels)))
        shown_as = np.array([self.hand.person(one) for one in tracks.shown.tolist()], np.intp)
        known = (shown_as >= 0) & (found.labels >= 0)
        np.add.at(shared, (found.labels[known], shown_as[known]), tracks.mass_s[known] + 0.01)
        kept = match_people(told.bound(shared, found.labels))
        self.dormant = {lost: heir for lost, heir in self.dormant.items() if lost not in told.kept}
        changes: list[TurnBody] = []
        speakers = np.full(people + 1, -1, np.intp)
        for person in range(people):
            if person in kept:
                speakers[person] = kept[person]
            elif found.mass_s[person] >= self.settings.first_mass_s and self.dormant:
                speakers[person] = min(self.dormant)
                del self.dormant[min(self.dormant)]
            elif found.mass_s[person] >= self.settings.first_mass_s:
                speakers[person], created = roster.create(self.number)
                changes.append(created)
                if shared[person].sum() > found.mass_s[person] / 2:
                    before = speaker_id(int(shared[person].argmax()))
                    changes.append(SpeakerSplit(created.speaker_id, before))
        for lost in sorted({one for one in self.people if not self.hand.keeps(one)} - set(speakers.tolist())):
            heir = int(speakers[int(shared[:, lost].argmax())]) if shared[:, lost].any() else -1
            if heir >= 0:
                self.dormant[lost] = (heir, self.last_window_ms)
                self._hand_over(lost, heir)
        changes += self._bury(roster, final)
        shown = np.flatnonzero(speakers[:people] >= 0)
        self.people, self.means = speakers[shown].tolist(), found.means[shown]
        count = self.history.tracklets
        voices = told.voices(speakers[found.labels], tracks.shown, tracks.vectors, tracks.mass_s)
        self.labels = voices[:count].tolist()
        self._judge(range(count), found.scores[:count, shown])
        return changes

    def rendered(self) -> list[LabelledSpan]:
        """The timeline from where nothing has settled on, as the labels say now, ascending."""
        if not self.history.retained:
            return []
        settings, person, from_ms = self.settings, self.hand.person, self.settled.through_ms
        surely = self.lifted.surely(settings.source_sure, settings.source_improvement_db)
        voices = Voices(
            [person(one) for one in self.labels],
            self.certainty,
            [(person(who), start, end, sure) for who, start, end, sure in surely],
            [(person(who), start, end) for who, start, end in self.settled.carried],
            from_ms,
        )
        spans = channel_timeline(self.history, voices, settings)
        return pinned(spans, self.hand.pins_of(self.number, from_ms), settings.gap_ms, from_ms)

    @property
    def last_window_ms(self) -> int:
        """The end of the last window."""
        return self.history.retained[-1].window.end_ms if self.history.retained else 0

    def extended(self, now_ms: int, rendered: list[LabelledSpan]) -> list[LabelledSpan]:
        """The timeline with its last speaker up to now, where speech is open that no window reaches; else nothing.
        `rendered` is the latest result of that method."""
        return [] if self.open_ms is None else extended(rendered, self.open_ms, self.last_window_ms, now_ms)

    def take(self, lifted: Separation) -> None:
        """Take in the separation of an overlap. Raises ValueError for voiceprints of another size."""
        voiceprints(lifted, self.calibration.size)
        self.lifted.append(lifted)
        self._give(len(self.lifted.lifted) - 1)

    def give(self, since_ms: int = 0) -> None:
        """Give the sources of what ends at or after `since_ms` to speakers, as everything stands now."""
        for at, lifted in enumerate(self.lifted.lifted):
            if lifted.end_ms >= since_ms:
                self._give(at)

    def settle(self, now_ms: int, rendered: list[LabelledSpan]) -> bool:
        """Condense the oldest block if it is beyond the horizon; `rendered` is the latest result of that method."""
        if len(self.history.retained) <= 2 * BLOCK:
            return False
        edge_ms = self.history.retained[BLOCK - 1].window.end_ms
        if edge_ms > now_ms - self.settings.horizon_ms:
            return False
        first = self.history.first_tracklet
        for old in self.history.drop_block():
            for tracklet, lone_ms, vector in zip(old.tracklets, old.lone_ms, old.vectors, strict=True):
                speaker = self.labels[tracklet - first]
                if speaker >= 0 and len(vector):
                    self.settled.add(speaker, vector, lone_ms / 1000)
        gone = self.history.first_tracklet - first
        self.labels, self.certainty = self.labels[gone:], self.certainty[gone:]
        self.settled.move_edge(edge_ms, rendered, self.settings.gap_ms)
        return True

    @property
    def lone_s(self) -> float:
        """Lone speech of all of the call."""
        return float(np.sum(self.history.mass_s)) + self.settled.lone_s

    def apart(self, people: int) -> float:
        """How surely there are more than so many people: log odds that the two most alike of one more are two."""
        tracks, _ = tracks_of(self.history, self.calibration, self.labels, self.settled.sums)
        found = partition(tracks, self.calibration, self.settings, Limits(people + 1), final=True)
        if len(found.mass_s) <= people:
            return -np.inf
        alike = pair_logits(tracks, found.labels, self.calibration.merge)[np.triu_indices(people + 1, 1)]
        return -float(alike.max())

    def raw_means(self) -> dict[int, Float64s]:
        """The mean voiceprint (uncentred) of every speaker, from all of the call."""
        sums: dict[int, Float64s] = {}
        for speaker, (total, _) in self.settled.sums.items():
            sums[self.hand.person(speaker)] = sums.get(self.hand.person(speaker), 0.0) + total
        means = self.history.means() * np.array(self.history.mass_s)[:, None]
        for place, speaker in enumerate(map(self.hand.person, self.labels)):
            if speaker >= 0:
                sums[speaker] = sums.get(speaker, 0.0) + means[place]
        return {speaker: total for speaker, total in sums.items() if total.any()}

    def _give(self, at: int) -> None:
        """Give the sources of one separation to the people known."""
        lifted = self.lifted.lifted[at]
        if not lifted.sources or not self.people:
            return
        start_ms, end_ms = max(0, lifted.start_ms - SEPARATION_BEFORE_MS), lifted.end_ms + SEPARATION_AFTER_MS
        cosine = self.calibration.place(voiceprints(lifted, self.calibration.size), self.centre) @ self.means.T
        active = np.stack([grid(source.spans_ms, start_ms, end_ms) for source in lifted.sources])
        speakers = activity(self.history, list(map(self.hand.person, self.labels)), self.people, start_ms, end_ms)
        likely = scores(cosine, agreement(active, speakers))
        chosen, sure = give(likely)
        self.lifted.give(at, [self.people[person] if person >= 0 else -1 for person in chosen], sure)

    def _told(self, tracks: Tracks) -> Told:
        """What operators have said of these; a settled speaker who was spoken of is surely that one."""
        count, kept = self.history.tracklets, self.hand.kept
        sure = np.full(len(tracks.mass_s), -1, np.intp)
        anchors = [self.hand.person(one) for one in tracks.shown[count:].tolist()]
        sure[count:] = [person if person in kept else -1 for person in anchors]
        for tracklet, speaker in self._pinned(self.history.retained).items():
            sure[tracklet - self.history.first_tracklet] = speaker
        return self.hand.told(self.number, sure, self.people)

    def _pin_latest(self) -> None:
        """Between two partitions: voices of the latest window of which an operator said whose they are."""
        for tracklet, speaker in self._pinned(self.history.retained[-1:]).items():
            place = tracklet - self.history.first_tracklet
            self.labels[place], self.certainty[place] = speaker, 1.0

    def _pinned(self, windows: Sequence[TrackedWindow]) -> dict[int, int]:
        """The person of each tracklet of these windows whose speaker an operator has told."""
        return pinned_tracklets(windows, self.hand.pins_of(self.number, self.settled.through_ms))

    def _tracks(self) -> Tracks:
        """The retained tracklets and the settled speakers; the centre is taken anew."""
        tracks, self.centre = tracks_of(self.history, self.calibration, self.labels, self.settled.sums)
        return tracks

    def _label_latest(self) -> None:
        """Between two partitions: assign the voices of the latest window; two voices hardly ever to one person."""
        if not self.people:
            return
        latest = self.history.retained[-1]
        places = [tracklet - self.history.first_tracklet for tracklet in latest.tracklets]
        near = self.calibration.place(self.history.means()[places], self.centre) @ self.means.T
        taken: Float64s = np.zeros(len(self.people))
        for at in sorted(range(len(places)), key=lambda at: -self.history.mass_s[places[at]]):
            scores = near[at] - BESIDE_COST * taken
            self.labels[places[at]] = self.people[int(scores.argmax())]
            taken[int(scores.argmax())] = 1
            self._judge([places[at]], scores[None])

    def _judge(self, places: Sequence[int], scores: Float64s) -> None:
        """How certain the labels of tracklets are, from their scores (n, people); if all are low, it is unknown."""
        if not scores.size:
            for place in places:
                self.labels[place], self.certainty[place] = -1, 0.0
            return
        ranked = np.sort(scores, axis=1)
        margin = ranked[:, -1] - ranked[:, -2] if scores.shape[1] > 1 else 0.3 + ranked[:, -1]
        certainty = 1 / (1 + np.exp(-SHARPNESS * margin))
        for place, best, sure in zip(places, ranked[:, -1].tolist(), certainty.tolist(), strict=True):
            self.certainty[place] = sure
            stranger = best < self.settings.unknown_cosine and self.history.mass_s[place] >= self.settings.first_mass_s
            if stranger or self.labels[place] < 0:
                self.labels[place], self.certainty[place] = -1, 0.0

    def _bury(self, roster: Roster, final: bool) -> list[TurnBody]:
        """Merge speakers for good that have been dormant for long enough."""
        now_ms = self.last_window_ms
        changes: list[TurnBody] = []
        for lost, (heir, since_ms) in sorted(self.dormant.items()):
            if final or now_ms - since_ms >= self.settings.dormant_ms:
                del self.dormant[lost]
                while heir in self.dormant:
                    heir = self.dormant[heir][0]
                changes += roster.merge(lost, roster.heir(heir))
        return changes

    def _hand_over(self, lost: int, heir: int) -> None:
        """Move everything settled or separated of one speaker to another."""
        self.settled.hand_over(lost, heir)
        self.lifted.hand_over(lost, heir)
