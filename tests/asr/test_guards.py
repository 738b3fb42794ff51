"""What recognisers make up is taken out; what people say is not."""

import numpy as np
import pytest

from speakerline.services.asr.engine import RATE, RecognisedWord, Recognition
from speakerline.services.asr.guards import guard, loudness_dbfs

TALK = np.random.default_rng(1).normal(0, 0.1, 5 * RATE).astype(np.float32)
HUSH = (TALK * 1e-4).astype(np.float32)
TWO_NUMBERS = "zero zero zero zero four four four four " * 2 + "and one one one one zero zero zero zero"


def said(text: str, every_s: float = 0.3, confidence: float = 0.8, no_speech: float = 0.0) -> Recognition:
    words = text.split()
    times = [(number * every_s, number * every_s + 0.9 * every_s) for number in range(len(words))]
    heard = tuple(RecognisedWord(word, *time, confidence) for word, time in zip(words, times, strict=True))
    return Recognition(heard, "en", 1.0, no_speech)


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
        pytest.param(said("a b c d e f", 0.05), TALK, "", {"speed": 6}, id="faster than anybody speaks"),
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
