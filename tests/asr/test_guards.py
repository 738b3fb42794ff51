"""What recognisers make up is taken out; what people say is not."""

import numpy as np
import pytest

from speakerline.services.asr.engine import RATE, RecognisedWord, Recognition
from speakerline.services.asr.guards import compression, guard, loudness_dbfs

TALK = np.random.default_rng(1).normal(0, 0.1, 5 * RATE).astype(np.float32)
HUSH = (TALK * 1e-4).astype(np.float32)
TWO_NUMBERS = "zero zero zero zero four four four four " * 2 + "and one one one one zero zero zero zero"


def said(text: str, every_s: float = 0.3, confidence: float = 0.8, no_speech: float = 0.0) -> Recognition:
    words = text.split()
    times = [(number * every_s, number * every_s + 0.9 * every_s) for number in range(len(words))]
    heard = tuple(RecognisedWord(word, *time, confidence) for word, time in zip(words, times, strict=True))
    return Recognition(heard, "en", no_speech)


@pytest.mark.parametrize(
    ("heard", "samples", "left", "dropped"),
    [
        pytest.param(said("so how are you"), TALK, "so how are you", {}, id="talk stays"),
        pytest.param(said("no no no"), TALK, "no no no", {}, id="people do repeat themselves"),
        pytest.param(said("yeah yeah yeah yeah I know"), TALK, "yeah yeah yeah yeah I know", {}, id="even four times"),
        pytest.param(
            said("well " + "the " * 9 + "end"), TALK, "well the end", {"loop": 8}, id="one word over and over"
        ),
        pytest.param(said("dial " + "five " * 8), TALK, "dial" + " five" * 8, {}, id="a number of one digit"),
        pytest.param(said("7, " * 8), TALK, ("7, " * 8).strip(), {}, id="the same in numerals"),
        pytest.param(said("oh one " * 4 + "two"), TALK, "oh one " * 4 + "two", {}, id="a number of two digits"),
        pytest.param(said("five " * 9), TALK, "five", {"loop": 8}, id="no number has so many of one digit"),
        pytest.param(said(TWO_NUMBERS), TALK, TWO_NUMBERS, {}, id="two long numbers"),
        pytest.param(said("0000 1111 " * 5), TALK, "0000 1111", {"loop": 8}, id="one number over and over"),
        pytest.param(said("I know. " * 6), TALK, "I know.", {"loop": 10}, id="a phrase over and over, its first stays"),
        pytest.param(said("thank you."), TALK, "thank you.", {}, id="thanks that were said stay"),
        pytest.param(said("Thank you."), HUSH, "", {"phantom": 2}, id="thanks out of silence go"),
        pytest.param(said("how are you"), HUSH, "how are you", {}, id="a quiet line may hold talk"),
        pytest.param(said("mm", no_speech=0.9, confidence=0.2), TALK, "", {"no_speech": 1}, id="nobody speaks"),
        pytest.param(said("yes", no_speech=0.9), TALK, "yes", {}, id="sure words outweigh a doubt about speech"),
        pytest.param(
            said("a b c d e f", 0.05, 0.3), TALK, "", {"speed": 6}, id="faster than anybody speaks, and unsure"
        ),
        pytest.param(said("a b c d e f", 0.05, 0.4), TALK, "a b c d e f", {}, id="sure words have wrong times"),
        pytest.param(said("Thank you.", no_speech=0.7), TALK, "", {"phantom": 2}, id="thanks where nobody speaks"),
        pytest.param(said("so -- how ... are you ?"), TALK, "so how are you", {"punctuation": 3}, id="marks alone"),
        pytest.param(said("one two three four five", 0.15), TALK, "one two three four five", {}, id="fast talk stays"),
        pytest.param(Recognition(), HUSH, "", {}, id="nothing was heard"),
    ],
)
def test_guard(heard: Recognition, samples, left: str, dropped: dict[str, int]) -> None:
    found = guard(heard, samples)
    assert " ".join(word.text for word in found.words) == left
    assert dict(found.dropped) == dropped


def test_a_text_that_compresses_too_well_is_a_loop_in_disguise() -> None:
    rounds = " ".join(f"to the left of the {'big' if n % 2 else 'old'} house and" for n in range(14))
    found = guard(said(rounds), TALK)
    assert not found.words
    assert found.dropped["loop"] == len(rounds.split())


TALK_IN = {
    "hi": "नमस्ते मैं आपकी क्या सहायता कर सकता हूँ जी मेरा इंटरनेट कल रात से काम नहीं कर रहा है मैंने राउटर को दो बार "
    "बंद करके चालू किया लेकिन फिर भी कोई फर्क नहीं पड़ा क्या आप मुझे बता सकते हैं कि समस्या कहाँ है और यह कब तक ठीक "
    "होगी क्योंकि मुझे घर से काम करना पड़ता है और आज मेरी एक बहुत ज़रूरी बैठक है",
    "ka": "გამარჯობა რით შემიძლია დაგეხმაროთ გუშინ საღამოდან ჩემთან ინტერნეტი არ მუშაობს როუტერი უკვე ორჯერ "
    "გადავტვირთე მაგრამ არაფერი შეიცვალა მითხარით როდის გამოსწორდება რადგან სახლიდან ვმუშაობ და დღეს მნიშვნელოვანი "
    "შეხვედრა მაქვს",
    "ru": "здравствуйте меня зовут анна чем я могу вам помочь да у меня со вчерашнего вечера не работает интернет я "
    "уже два раза перезагружал роутер но ничего не изменилось скажите пожалуйста когда это будет исправлено",
    "th": "สวัสดี ค่ะ มี อะไร ให้ ช่วย ไหม คะ อินเทอร์เน็ต ที่ บ้าน ของ ผม ใช้ ไม่ ได้ ตั้งแต่ เมื่อ คืน นี้ ผม ลอง ปิด เปิด "
    "เราเตอร์ สอง ครั้ง แล้ว แต่ ก็ ยัง ไม่ ได้ ช่วย บอก หน่อย ได้ ไหม ครับ ว่า ปัญหา อยู่ ที่ ไหน และ จะ ซ่อม เสร็จ เมื่อไหร่",
    "zh": "您 好 请 问 有 什 么 可 以 帮 助 您 的 吗 我 家 的 网 络 从 昨 天 晚 上 开 始 就 不 能 用 了 "
    "我 已 经 重 启 了 两 次 路 由 器 但 是 还 是 没 有 任 何 变 化 你 能 告 诉 我 问 题 出 在 哪 里 吗",
}


@pytest.mark.parametrize("language", TALK_IN)
def test_talk_stays_in_every_script(language: str) -> None:
    heard = said(TALK_IN[language])
    assert guard(heard, TALK).words == heard.words


@pytest.mark.parametrize("language", ["hi", "ka", "ru"])
def test_loops_go_in_every_script(language: str) -> None:
    heard = said(" ".join(TALK_IN[language].split()[:9]) * 8)
    assert not guard(heard, TALK).words


def test_characters_of_a_script_without_blanks_may_come_fast() -> None:
    heard = said("お 願 い し ま す", 0.08)
    assert guard(heard, TALK).words == heard.words


def test_words_come_out_as_they_went_in() -> None:
    heard = said("so how are you")
    assert guard(heard, TALK).words == heard.words


def test_loudness_is_that_of_the_loudest_moment() -> None:
    burst = np.zeros(RATE, np.float32)
    burst[: RATE // 10] = 0.1
    assert loudness_dbfs(burst) == pytest.approx(-20, abs=0.1)
    assert loudness_dbfs(np.zeros(0, np.float32)) < -100


def loop(size: int, rounds: int) -> str:
    """The same words over and over, and a last one."""
    return " ".join([*["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf"][:size] * rounds, "end"])


@pytest.mark.parametrize(("size", "most"), [(1, 4), (2, 3), (3, 2), (4, 2), (5, 2), (6, 2)])
def test_how_often_a_phrase_may_come_until_it_is_a_loop(size: int, most: int) -> None:
    assert guard(said(loop(size, most)), TALK).words == said(loop(size, most)).words
    looped = said(loop(size, most + 1))
    found = guard(looped, TALK)
    assert found.words == (*looped.words[:size], looped.words[-1]), "the first round stays, with its times"
    assert dict(found.dropped) == {"loop": size * most}


def test_a_round_that_breaks_off_is_no_round() -> None:
    heard = said("alpha bravo charlie alpha bravo charlie alpha bravo end")
    assert guard(heard, TALK).words == heard.words


def test_writing_hides_no_loop() -> None:
    assert [word.text for word in guard(said("The, the THE the. the end"), TALK).words] == ["The,", "end"]


def test_eight_digits_may_be_a_number_beside_other_words() -> None:
    eight = said("dial " + "two " * 8 + "please")
    assert guard(eight, TALK).words == eight.words
    nine = guard(said("dial " + "two " * 9 + "please"), TALK)
    assert [word.text for word in nine.words] == ["dial", "two", "please"]
    mixed = guard(said("one more " * 4), TALK)
    assert [word.text for word in mixed.words] == ["one", "more"], "a number has nothing but digits"


@pytest.mark.parametrize(
    ("no_speech", "confidence", "left"),
    [
        pytest.param(0.6, 0.2, 2, id="as likely as not"),
        pytest.param(0.61, 0.2, 0, id="likely nobody speaks"),
        pytest.param(0.61, 0.4, 2, id="likely, but the words are sure enough"),
        pytest.param(0.61, 0.39, 0, id="likely, and the words are not"),
    ],
)
def test_words_are_dropped_where_likely_nobody_speaks(no_speech: float, confidence: float, left: int) -> None:
    heard = said("well then", confidence=confidence, no_speech=no_speech)
    assert len(guard(heard, TALK).words) == left


@pytest.mark.parametrize(("dbfs", "left"), [(-54.9, 2), (-55.1, 0)])
def test_phantoms_are_dropped_where_next_to_nothing_is_heard(dbfs: float, left: int) -> None:
    samples = np.full(RATE, 10 ** (dbfs / 20), np.float32)
    assert len(guard(said("Thank you!"), samples).words) == left
    assert len(guard(said("Thank you all"), samples).words) == 3


@pytest.mark.parametrize(("every_s", "left"), [(0.103, 6), (0.102, 2)])
def test_four_words_take_four_tenths_of_a_second(every_s: float, left: int) -> None:
    """Measured from the start of the first to the end of the fourth; words before and after stay."""
    quick = said("that is so very", every_s, 0.3).words
    begin, end = RecognisedWord("well", -5.0, -4.5, 0.8), RecognisedWord("then", 5.0, 5.5, 0.8)
    found = guard(Recognition((begin, *quick, end)), TALK)
    assert len(found.words) == left
    assert (found.words[0], found.words[-1]) == (begin, end)


def test_three_quick_words_are_not_measured() -> None:
    assert len(guard(said("that is so", 0.05, 0.3), TALK).words) == 3


def test_a_script_without_blanks_excuses_only_words_near_it() -> None:
    quick = said("that is so very 願 much", 0.05, 0.3)
    assert [word.text for word in guard(quick, TALK).words] == ["願", "much"]
    late = said("願 that is so very", 0.05, 0.3)
    assert [word.text for word in guard(late, TALK).words] == ["願"]


def test_loudness_is_measured_in_whole_tenths_of_a_second() -> None:
    tenth = RATE // 10
    assert loudness_dbfs(np.full(tenth - 1, 0.5, np.float32)) == -120
    assert loudness_dbfs(np.full(tenth, 0.5, np.float32)) == pytest.approx(-6.02, abs=0.01)
    late = np.concatenate([np.full(tenth, 0.01), np.full(tenth - 1, 0.5)]).astype(np.float32)
    assert loudness_dbfs(late) == pytest.approx(-40, abs=0.01), "what is left over is too short to tell"
    click = np.zeros(tenth, np.float32)
    click[7] = 1
    assert loudness_dbfs(click) == pytest.approx(-32.04, abs=0.01)
    assert loudness_dbfs(np.zeros(tenth, np.float32)) == pytest.approx(-120)


def test_short_texts_and_digits_are_not_asked_how_well_they_compress() -> None:
    assert compression(said("abcdefghi " * 6).words) == 0, "59 characters"
    assert compression(said("abcdefghi " * 6 + "jk").words) > 2.4
    assert compression(said("12 " * 40 + "seven " * 40).words) == 0


def test_no_character_of_another_script_weighs_more() -> None:
    """The same text in two alphabets."""
    latin = said("abcdefghi jkl " * 8).words
    greek = said("αβγδεζηθι κλμ " * 8).words
    assert compression(greek) == compression(latin)


def test_a_text_may_have_more_characters_than_a_byte_has_values() -> None:
    heard = said(" ".join(chr(0x4E00 + number) for number in range(400)))
    assert guard(heard, TALK).words == heard.words
