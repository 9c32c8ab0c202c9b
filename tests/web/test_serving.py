"""The site as real processes serve it: `critterdb serve`, and `datasette .` in its folder."""

from __future__ import annotations

import html
import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from critterdb.errors import SiteError
from critterdb.site.lazy_units import has_units
from critterdb.site.serving import serve_arguments
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.datasette_site import (
    TAXON,
    add_model,
    add_photo,
    change_metadata,
    http_get,
    http_post,
    jpeg,
    listed,
    make_site,
    rows,
    serving,
)

pytestmark = pytest.mark.slow

SERVERS = {
    "critterdb serve": ["-m", "critterdb", "serve", "--port", "{port}"],
    "datasette .": ["-m", "datasette", "serve", ".", "--port", "{port}"],
}


@pytest.mark.parametrize("command", SERVERS.values(), ids=list(SERVERS))
def test_a_served_site_answers_with_a_picture_s_name(tmp_path: Path, command: list[str]) -> None:
    folder = make_site(tmp_path / "mysite")
    add_model(folder)
    with serving(folder, command) as address:
        answer = http_post(f"{address}/-/classify", files={"image": jpeg("red")}).json()
        assert answer["answer"]["taxon_id"] == TAXON
        assert http_get(f"{address}/critters/bot_history").status_code == 200
        assert "Classify a photo" in http_get(address).text
    assert len(rows(folder, "SELECT * FROM predictions")) == 1


@pytest.mark.parametrize(("option", "header"), [([], None), (["--cors"], "*")], ids=["", "--cors"])
def test_cors_opens_the_data_and_the_endpoint_to_other_sites(
    tmp_path: Path, option: list[str], header: str | None
) -> None:
    folder = make_site(tmp_path / "mysite")
    with serving(folder, [*SERVERS["critterdb serve"], *option]) as address:
        for path in ("/critters/games.json", "/-/classify.json"):
            response = http_get(f"{address}{path}", headers={"origin": "https://other.example"})
            assert response.headers.get("access-control-allow-origin") == header


@pytest.mark.parametrize("name", ["critters.db", "field notes.db"])
@pytest.mark.parametrize("how", [[], ["--read-only"]], ids=["", "read-only"])
def test_where_the_site_lies_on_its_machine_is_not_shown(
    tmp_path: Path, how: list[str], name: str
) -> None:
    """Datasette shows everybody the paths that it was given."""
    folder = make_site(tmp_path / "mysite")
    sha256 = add_photo(folder, 1, jpeg())
    (folder / "critters.db").rename(folder / name)
    command = ["-m", "critterdb", "--db", str(folder / name), "serve", "--port", "{port}", *how]
    with serving(tmp_path, command) as address:
        for page in ("databases", "threads", "settings", "plugins", "metadata", "config"):
            assert str(tmp_path) not in http_get(f"{address}/-/{page}.json").text, page
        [database] = [
            database
            for database in listed(f"{address}/-/databases.json", "databases")
            if not database["is_memory"]
        ]
        assert database["path"] == name
        assert http_get(f"{address}/-/critterdb/photos/{sha256}").status_code == 200


@pytest.mark.parametrize("how", [[], ["--read-only"]], ids=["", "read-only"])
def test_a_site_below_an_address_of_another(tmp_path: Path, how: list[str]) -> None:
    folder = make_site(tmp_path / "mysite")
    add_model(folder)
    settings = '{"base_url": "/zoo/", "default_page_size": 7, "allow_download": false}'
    (folder / "settings.json").write_text(settings)
    with serving(folder, [*SERVERS["critterdb serve"], *how]) as address:
        assert http_get(f"{address}/zoo/-/settings.json").json()["default_page_size"] == 7
        answer = http_post(f"{address}/zoo/-/classify", files={"image": jpeg("red")}).json()
        assert answer["answer"]["taxon_id"] == TAXON
        assert 'action="/zoo/-/classify"' in http_get(f"{address}/zoo/-/critters").text


@pytest.mark.parametrize("text", ["{", "[1]", "7"])
def test_settings_that_cannot_be_read_are_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(SiteError, match=r"settings\.json is not valid JSON"):
        serve_arguments(tmp_path / "critters.db", "127.0.0.1", 8001)


def test_the_checkout_itself_is_a_site_for_datasette(tmp_path: Path) -> None:
    """`datasette .` in the root of the repository loads plugins/, metadata.json, critters.db."""
    root = Path(__file__).parents[2]
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("critterdb", "plugins", "metadata.json"):
        (checkout / name).symlink_to(root / name)
    subprocess.run(
        [sys.executable, "-m", "critterdb", "init"],
        cwd=checkout,
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    add_model(checkout)
    with serving(checkout, SERVERS["datasette ."]) as address:
        plugins = http_get(f"{address}/-/plugins.json").json()
        assert [p["name"] for p in plugins].count("critterdb_plugin.py") == 1
        assert http_post(f"{address}/-/classify", files={"image": jpeg("red")}).json()["ok"]


@pytest.mark.parametrize("has_others", [False, True])
def test_numpy_is_imported_at_the_start_only_for_other_plugins(
    tmp_path: Path, *, has_others: bool
) -> None:
    """They may write numpy's values with sqlite-utils, which then has to know them."""
    folder = make_site(tmp_path / "mysite")
    if has_others:
        (folder / "plugins" / "of_mine.py").write_text("", "utf-8")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-X", "importtime", "-m", "critterdb", "serve", "--port", port]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "is in use" in done.stderr
    assert ("numpy" in done.stderr) == has_others


@pytest.mark.parametrize("command", SERVERS.values(), ids=list(SERVERS))
def test_units_of_somebody_s_metadata_work(tmp_path: Path, command: list[str]) -> None:
    if not has_units():
        pytest.skip("Datasette 1.0 has no units")
    folder = make_site(tmp_path / "mysite")
    with closing(open_database(folder / DATABASE_NAME)) as db:
        db.conn.execute("CREATE TABLE trees (name TEXT PRIMARY KEY, height REAL)")
        db["trees"].insert_all([{"name": "oak", "height": 20}, {"name": "hazel", "height": 4}])
    units = {"tables": {"trees": {"units": {"height": "m"}}}}
    change_metadata(folder, {"databases": {"critters": units}})
    with serving(folder, command) as address:
        page = http_get(f"{address}/critters/trees.json?height__gt=900 cm&_shape=array")
        assert [row["name"] for row in page.json()] == ["oak"]
        assert "20.0\xa0m" in html.unescape(http_get(f"{address}/critters/trees").text)
