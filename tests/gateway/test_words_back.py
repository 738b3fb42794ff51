"""Words on their way back to a producer that is slower than they come, and the numbers of the messages they are in."""

import asyncio
import json
from collections.abc import AsyncIterator

from speakerline.services.gateway.dialects.audiohook import AudioHook
from speakerline.services.gateway.intake.replies import Replies
from speakerline.services.gateway.intake.words_back import WordsBack
from speakerline.shared.contract.v1 import Snapshot, TimelineEvent, Transcript
from tests.gateway.test_websocket import settle


class Slow:
    """A producer that takes messages only while it is `willing`."""

    def __init__(self) -> None:
        self.willing = asyncio.Event()
        self.numbers: list[int] = []
        self.told: list[tuple[str, int]] = []

    async def send(self, text: str) -> None:
        await self.willing.wait()
        self.numbers.append(json.loads(text)["seq"])

    async def tell(self, words: Transcript) -> None:
        await self.willing.wait()
        self.told.append((words.transcript_id, words.revision))


def said(kind: str, number: int, **parameters: object) -> str:
    message = {"version": "2", "id": "s", "type": kind, "seq": number, "serverseq": 0, "parameters": parameters}
    return json.dumps(message)


def opened() -> AudioHook:
    hook = AudioHook({})
    media = [{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}]
    hook.receive(said("open", 1, conversationId="c", media=media))
    return hook


def words(utterance: str, revision: int = 1) -> Transcript:
    return Transcript(utterance, revision)


async def test_messages_are_sent_in_the_order_of_their_numbers_whoever_waits() -> None:
    slow, hook = Slow(), opened()
    replies = Replies(slow.send)
    first = asyncio.create_task(replies.say(hook.receive(said("ping", 2))[0].text))  # type: ignore[union-attr]
    await settle()
    telling = asyncio.create_task(replies.say_next(lambda: hook.tell(words("u1"))))
    await settle()
    slow.willing.set()
    while not first.done():
        await asyncio.sleep(0)
    await replies.say(hook.receive(said("ping", 3))[0].text)  # type: ignore[union-attr]
    await telling
    assert slow.numbers == [2, 3, 4]


async def test_words_that_are_given_up_leave_no_hole_in_the_numbers() -> None:
    slow, hook = Slow(), opened()
    replies = Replies(slow.send)
    telling = asyncio.create_task(replies.say_next(lambda: hook.tell(words("u1"))))
    await settle()
    telling.cancel()
    await settle()
    slow.willing.set()
    await replies.say(hook.farewell(""))
    assert slow.numbers == [2, 3]


async def test_of_what_waits_the_latest_version_is_told_and_the_last_one_in_any_case() -> None:
    slow, all_came = Slow(), asyncio.Event()

    async def events() -> AsyncIterator[TimelineEvent]:
        for number, (utterance, revision) in enumerate([("u1", 1), ("u1", 2), ("u2", 1), ("u1", 3), ("u2", 2)]):
            yield TimelineEvent("c", number + 1, transcript=words(utterance, revision))
            await settle()
        all_came.set()

    running = asyncio.create_task(WordsBack(slow.tell).run(events()))
    await asyncio.wait_for(all_came.wait(), 30)
    assert slow.told == []
    slow.willing.set()
    await asyncio.wait_for(running, 30)
    assert slow.told == [("u1", 1), ("u1", 3), ("u2", 2)]


async def test_after_a_loss_of_redis_what_was_missed_is_told_and_nothing_twice() -> None:
    slow = Slow()
    slow.willing.set()

    async def events() -> AsyncIterator[TimelineEvent]:
        yield TimelineEvent("c", 1, transcript=words("u1"))
        await settle()
        standing = Snapshot("c", 4, transcripts=[words("u1"), words("u2"), words("u3", 2)])
        yield TimelineEvent("c", 4, restarted=standing)
        await settle()
        yield TimelineEvent("c", 5, transcript=words("u3", 3))

    await WordsBack(slow.tell).run(events())
    assert slow.told == [("u1", 1), ("u2", 1), ("u3", 2), ("u3", 3)]
