"""Who is a host: the account that had the handle when the bot first saw it, and no other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from critterdb.games import Game, Host, same_handle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from critterdb.platforms.base import Post


# X frees a handle at once, and whoever took it could answer for the host. So the account counts.
def pin_hosts(game: Game, platform: str, posts: Iterable[Post]) -> list[Host]:
    """Return the game's hosts with the ids of their accounts, as far as these posts show them."""
    ids: dict[int, str] = {}
    hosts = [(number, host) for number, host in enumerate(game.hosts) if host.platform == platform]
    for post in _with_parents(posts):
        for number, host in hosts:
            if post.author_id and same_handle(host.handle, post.author):
                # The first id stays: a later one may be that of who took over the handle.
                ids.setdefault(number, post.author_id)
    return [
        replace(host, account_id=host.account_id or ids.get(number))
        for number, host in enumerate(game.hosts)
    ]


def describe_mismatches(game: Game, platform: str, posts: Iterable[Post]) -> list[str]:
    """Return a sentence for each host whose handle and account no longer belong together."""
    sentences: dict[str, None] = {}
    hosts = [host for host in game.hosts if host.platform == platform and host.account_id]
    for post in _with_parents(posts):
        for host in hosts:
            has_handle = same_handle(host.handle, post.author)
            has_account = post.author_id == host.account_id
            name = f"{platform}:{host.handle}"
            if has_handle and not has_account:
                sentences[
                    f"{name} is no longer the account of the host of {game.slug}, so it does not "
                    f"count as the host. If it still belongs to the host, name it again: "
                    f"critterdb games edit {game.slug} --host {name}"
                ] = None
            elif has_account and not has_handle:
                sentences[
                    f"{name}, a host of {game.slug}, is now called {post.author}, and does not "
                    f"count as the host until you name it: "
                    f"critterdb games edit {game.slug} --host {platform}:{post.author}"
                ] = None
    return list(sentences)


def _with_parents(posts: Iterable[Post]) -> Iterator[Post]:
    for post in posts:
        yield post
        if post.parent:
            yield post.parent
