"""What is found by what, on both databases; a page after the other; and never what is another tenant's."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from speakerline.services.archive.store import Store
from speakerline.shared.archive.ids import LAST
from speakerline.shared.archive.search import Wanted, search
from speakerline.shared.archive.words import Query
from tests.archive.archived_calls import a_call, keep, store_of
from tests.archive.running import Database

DAY_MS = 86_400_000


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    store = store_of(database.url)
    yield store
    store.engine.dispose()


def found(database: Database, q: str = "", **wanted: Any) -> list[str]:
    asked = Wanted(**wanted, query=Query.read(q) if q else None)
    return [call.call_id for call in database.ask(lambda connection: search(connection, "", asked, 100))]


@pytest.fixture
def filled(database: Database, store: Store) -> Database:
    keep(
        store,
        a_call("a", DAY_MS, "I want a refund for the car light", "Ann Miller", queue="Sales", number="+49 30 1"),
        a_call("b", 2 * DAY_MS, "no refunds here 你好 café", "Bob", queue="support", agent="ANN miller"),
        a_call("c", 3 * DAY_MS, "the light of the car", queue="sales", over=False),
        a_call("@acme/a", DAY_MS, "zanzibar refund", "Ann Miller", queue="sales"),
    )
    return database


@pytest.mark.parametrize(
    ("wanted", "calls"),
    [
        pytest.param({}, "cba", id="all, the newest first"),
        pytest.param({"from_ms": 2 * DAY_MS}, "cb", id="from a time on, that one included"),
        pytest.param({"to_ms": 2 * DAY_MS}, "a", id="before a time, that one excluded"),
        pytest.param({"from_ms": DAY_MS, "to_ms": 3 * DAY_MS}, "ba", id="between"),
        pytest.param({"queue": "sales"}, "ca", id="of a queue, in any case"),
        pytest.param({"party": "+49 30 1"}, "a", id="of a number"),
        pytest.param({"party": "Ann Miller"}, "b", id="of an agent in the metadata"),
        pytest.param({"speaker": "ann miller"}, "a", id="of a speaker"),
        pytest.param({"q": "refund"}, "a", id="with a word"),
        pytest.param({"q": "REFUND*"}, "ba", id="with a word that begins so"),
        pytest.param({"q": "car light"}, "ca", id="with both words"),
        pytest.param({"q": '"car light"'}, "a", id="with words that follow each other"),
        pytest.param({"q": "car -refund"}, "c", id="without a word"),
        pytest.param({"q": "cafe"}, "b", id="with an accent"),
        pytest.param({"q": "好"}, "b", id="with a character"),
        pytest.param({"q": "light", "queue": "sales", "to_ms": 3 * DAY_MS}, "a", id="with all of it"),
        pytest.param({"q": "zanzibar"}, "", id="nothing of another tenant"),
        pytest.param({"q": 'refund" OR "zanzibar'}, "", id="whatever the query says"),
    ],
)
def test_calls_are_found(filled: Database, wanted: dict[str, Any], calls: str) -> None:
    assert found(filled, **wanted) == list(calls)


def test_the_other_tenant_finds_its_own_alone(filled: Database) -> None:
    refund = Wanted(query=Query.read("refund"))
    for wanted in (Wanted(), refund, Wanted(queue="sales"), Wanted(speaker="Ann Miller")):
        (call,) = filled.ask(partial(search, tenant="acme", wanted=wanted, limit=10))
        assert (call.call_id, call.words) == ("a", 2)
        assert [snippet.pieces[0].text for snippet in call.snippets] == (["zanzibar"] if wanted == refund else [])


@pytest.mark.parametrize("q", ["", "hello"], ids=["without words", "with words"])
def test_pages_have_every_call_once_also_of_one_millisecond(database: Database, store: Store, q: str) -> None:
    keep(store, *(a_call(f"c{number}", DAY_MS + number // 4, "hello there") for number in range(11)))
    wanted, before, pages = Wanted(query=Query.read(q) if q else None), LAST, []
    while page := database.ask(partial(search, tenant="", wanted=wanted, limit=3, before=before)):
        pages.append([call.call_id for call in page])
        before = page[-1].archive_id
    assert [len(page) for page in pages] == [3, 3, 3, 2]
    assert [call for page in pages for call in page] == [f"c{number}" for number in reversed(range(11))]


def test_a_found_call_tells_who_talked_and_where_the_words_are(filled: Database) -> None:
    wanted = Wanted(query=Query.read("refund"))
    (call,) = filled.ask(lambda connection: search(connection, "", wanted, 10))
    assert (call.duration_ms, call.silence_ms, call.longest_monologue_ms, call.ended) == (5000, 100, 900, True)
    assert [(one.name, one.talk_ms, one.words) for one in call.speakers] == [("Ann Miller", 900, 2)]
    (snippet,) = call.snippets
    assert "".join(piece.text for piece in snippet.pieces) == "I want a refund for the car light"
    assert (snippet.start_ms, snippet.speaker_id) == (1300, "S1")
    assert call.metadata == {"queue": "Sales", "number": "+49 30 1"}
