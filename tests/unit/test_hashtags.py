"""Hashtags are matched whole."""

from __future__ import annotations

import pytest

from critterdb.platforms.text import has_tag, tags_in


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("#cougarOrNot", True),
        ("Friday! #COUGARORNOT.", True),
        ("(#cougarornot)", True),
        ("＃cougarOrNot", True),
        ("#cougarOrNotFriday", False),
        ("#notcougarOrNot", False),
        ("#cougar #OrNot", False),
        ("cougarOrNot", False),
        ("word#cougarOrNot", False),
        ("＃ＣｏｕｇａｒＯｒＮｏｔ", True),
        ("https://x.example/#cougarOrNot", False),
        ("https://x.example/?a=#cougarOrNot", False),
        ("www.x.example/?a=#cougarOrNot", False),
        ("#cougarOrNot_2", False),
        ("#cougarOrNót", False),
        ("", False),
    ],
)
def test_a_tag_stands_by_itself(text: str, matches: bool) -> None:
    assert has_tag(tags_in(text), "cougarOrNot") is matches
    assert has_tag(tags_in(text), "#cougarornot") is matches


def test_all_tags_of_a_text() -> None:
    assert tags_in("#one, #two_2 #3 and #über") == ("one", "two_2", "über")


@pytest.mark.parametrize("wanted", [None, ""])
def test_a_game_without_a_tag_matches_nothing(wanted: str | None) -> None:
    assert not has_tag(["a", ""], wanted)
