"""Where the served addresses lie in a static folder, and how pages link to them."""

from __future__ import annotations

import pytest

from critterdb.publish.static_site.addresses import (
    Addresses,
    file_name,
    file_of,
    is_page,
    page_place,
    relative,
)
from critterdb.publish.static_site.links import Rewriter

SHA = "ab" * 32
ADDRESSES = Addresses({SHA: f"photos/ab/{SHA}.jpg"}, {}, "/critters")


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("/-/critters", "critters/"),
        ("/-/critters.json", "critters.json"),
        ("/-/critters/species/42?before=7", "critters/species/42/before-7/"),
        ("/-/critters/species/42.json?before=7", "critters/species/42/before-7.json"),
        ("/-/critters/species/-5", "critters/species/-5/"),
        ("/-/critters/posts/x:1", "critters/posts/x~3a1/"),
        ("/-/critters/history.atom?game=a", "critters/history/game-a.atom"),
        ("/-/critters/models/m/confusion?predicted=2&actual=1", None),
        ("/-/critterdb/static/a.css?v=1", "critterdb/static/a.css?v=1"),
        (f"/-/critterdb/photos/{SHA}", f"photos/ab/{SHA}.jpg"),
        ("/-/critterdb/photos/unknown", None),
        ("/", "critters/"),
        ("/critters/photos/12", "explore/#/critters/photos/12"),
        ("/critters/photos?license_code=cc0", "explore/#/critters/photos?license_code=cc0"),
        ("/-/critters/review", None),
        ("/-/critters/predictions/7", None),
        ("/-/critters/history?author=ann", None),
        ("/-/critters/species?q=lynx", None),
        ("/-/classify", "classify/"),
        ("/-/classify.json", None),
        ("/-/login", None),
    ],
)
def test_places(address: str, place: str | None) -> None:
    if "confusion" in address:
        place = "critters/models/m/confusion/actual-1/predicted-2/"
    assert ADDRESSES.place(address) == place


@pytest.mark.parametrize(
    ("target", "place", "link"),
    [
        ("critters/species/42/", "critters/", "species/42/"),
        ("critters/", "critters/species/42/", "../../"),
        ("critters/", "critters/", "./"),
        ("", "critters/species/", "../../"),
        ("", "", "./"),
        ("critters/", "", "critters/"),
        ("photos/ab/c.jpg", "critters/species/42.json", "../../photos/ab/c.jpg"),
        ("critters/species/#photos", "critters/", "species/#photos"),
        ("a.css?v=1", "critters/", "../a.css?v=1"),
    ],
)
def test_links_are_relative(target: str, place: str, link: str) -> None:
    assert relative(target, place) == link


def test_different_texts_have_different_names_that_any_system_takes() -> None:
    texts = ["x:1", "x~3a1", "X:1", "..", ".", "a/b", "é", "a b", "x" * 300, "x" * 301, "-", ""]
    names = [file_name(text) for text in texts]
    assert len(set(names)) == len(texts)
    assert all(len(name) < 256 and not name.startswith(".") and "/" not in name for name in names)
    assert file_of(page_place("/-/critters/posts/x:1")) == "critters/posts/x~3a1/index.html"


def test_a_page_is_rewritten() -> None:
    rewriter = Rewriter(ADDRESSES, lambda address: address.endswith("/99"))
    served = (
        '<html><head><meta charset="utf-8"></head><a href="/-/critters/species/42?q=7&amp;x=1"></a>'
        '<a href="/-/critters/species/42#photos">b</a><a href="/-/critters/photos/99">gone</a>'
        f'<img src="/-/critterdb/photos/{SHA}" alt="/-/critters"><a href="https://example.org/">c</a>'
    )
    page = rewriter.page(served, "critters/photos/1/", "<link>")
    assert 'href="../../species/42/#photos"' in page.text
    assert "<a>gone</a>" in page.text
    assert 'href="https://example.org/"' in page.text
    assert f'src="../../../thumbnails/ab/{SHA}-240.webp"' in page.text
    assert 'alt="/-/critters"' in page.text
    assert "<link></head>" in page.text
    assert page.links == ["/-/critters/species/42#photos", "/-/critters/photos/99"]
    assert is_page(page.links[0])
    payload = {"image": f"/-/critterdb/photos/{SHA}", "next": None, "name": "/-/critters rules"}
    assert rewriter.data(payload, "critters.json")["image"] == f"photos/ab/{SHA}.jpg"
    assert rewriter.data(payload, "critters.json")["name"] == payload["name"]
