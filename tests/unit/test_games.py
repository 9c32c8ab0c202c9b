"""Games: presets become rows when first used, and errors say what there is."""

import pytest

from critterdb.errors import GameError
from critterdb.games import PRESETS, Game, Host, ensure_game, get_game, save_game
from critterdb.storage.database import SiteDatabase


def test_the_cougar_preset(db: SiteDatabase) -> None:
    game = ensure_game(db, "cougarornot")
    assert (game.taxon_id, game.place_id, game.target_taxon_id) == (41944, 1, 42007)
    assert (game.hashtag, game.rank) == ("cougarOrNot", "species")
    assert game.hosts == [Host("x", "drmichellelarue")]
    assert db["taxa"].get(42007)["name"] == "Puma concolor"


@pytest.mark.parametrize("slug", sorted(PRESETS))
def test_every_preset_becomes_a_row_once(db: SiteDatabase, slug: str) -> None:
    assert ensure_game(db, slug.upper()) == ensure_game(db, slug) == PRESETS[slug]
    assert db["games"].count == 1


def test_a_row_that_was_edited_stays_so(db: SiteDatabase) -> None:
    ensure_game(db, "cougarornot")
    db["games"].update("cougarornot", {"question": "Puma?"})
    assert ensure_game(db, "cougarornot").question == "Puma?"


def test_a_preset_without_a_row_is_not_unknown(db: SiteDatabase) -> None:
    with pytest.raises(GameError, match=r"no photos here yet.*critterdb sync cougarornot"):
        get_game(db, "cougarOrNot")


def test_the_only_game_needs_no_name(db: SiteDatabase) -> None:
    with pytest.raises(GameError, match="no game yet"):
        get_game(db)
    save_game(db, Game("cats"))
    assert get_game(db).slug == "cats"
    save_game(db, Game("dogs"))
    with pytest.raises(GameError, match="cats, dogs"):
        get_game(db)


def test_an_unknown_game_lists_the_known(db: SiteDatabase) -> None:
    with pytest.raises(GameError, match="cougarornot"):
        ensure_game(db, "wombats")
