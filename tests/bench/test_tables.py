"""Tables for the terminal and for a page."""

from speakerline.tools.tables import Table

TABLE = Table("Cost", ["", "1 call", "10 calls"], [["vad", "1.5", "10.25"], ["redis", "2", "3"]], "In ms.")


def test_names_stand_to_the_left_and_figures_to_the_right() -> None:
    assert TABLE.text().splitlines() == [
        "Cost",
        "----",
        "       1 call  10 calls",
        "vad       1.5     10.25",
        "redis       2         3",
        "In ms.",
    ]


def test_a_page_gets_a_table_of_its_own_kind() -> None:
    assert TABLE.markdown().splitlines() == [
        "### Cost",
        "",
        "|  | 1 call | 10 calls |",
        "|---|---:|---:|",
        "| vad | 1.5 | 10.25 |",
        "| redis | 2 | 3 |",
        "",
        "In ms.",
    ]
