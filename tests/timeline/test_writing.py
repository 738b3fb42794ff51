"""Words become a line of text."""

import pytest

from speakerline.shared.timeline.writing import written


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], ""),
        (["so", "well"], "so well"),
        (["Ann\nB.", " ", "Miller "], "Ann B. Miller"),
        (["は", "い、", "お", "願", "い"], "はい、お願い"),
        (["สวัสดี", "ค่ะ"], "สวัสดีค่ะ"),
        (["안녕", "하세요"], "안녕 하세요"),
        (["नमस्ते", "जी"], "नमस्ते जी"),
        (["我", "用", "AI", "写"], "我用AI写"),
    ],
)
def test_blanks_are_where_the_script_has_them(words: list[str], text: str) -> None:
    assert written(words) == text
