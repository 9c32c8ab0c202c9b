"""The JSON of Mastodon and its kin (GoToSocial, Pleroma, Akkoma) → posts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from critterdb.platforms.base import Post
from critterdb.platforms.profiles import wants_no_bot
from critterdb.platforms.text import fold_tag, is_written, tags_in
from critterdb.platforms.untrusted_json import as_address, as_text
from critterdb.storage.timestamps import post_time

from .html import MAX_LENGTH, text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from critterdb._types import Json

# Ids become parts of addresses. Mastodon's are digits; its kin has ULIDs, flakes and UUIDs.
_ID = re.compile(r"\w[\w.:~-]{0,127}", re.ASCII)
_PICTURE = re.compile(r"\.(?:jpe?g|png|webp|gif)$", re.IGNORECASE)


class Reader:
    """Reads statuses as the account `me` on the server called `domain`.

    Whatever a stranger's status holds, its methods may raise: callers count it and go on.
    """

    def __init__(self, me: Json, domain: str) -> None:
        self.own_id = str(me["id"])
        self.domain = domain.lower()
        self.own_names = (self.handle(me), self.handle(me).partition("@")[0])

    def handle(self, account: Json) -> str:
        """`user@domain`, also for an account of our own server."""
        # Complete, so that an opt-out holds when the bot moves to another instance.
        name = str(account.get("acct") or account.get("username") or "").lstrip("@")
        return name if "@" in name else f"{name}@{self.domain}"

    def account_id(self, account: Json) -> str | None:
        """`social.example/1`: the server's own id of an account, which outlives its handle.

        Each server numbers accounts for itself, so the id names the server that gave it.
        """
        bare = bare_id_of(account)
        return f"{self.domain}/{bare}" if bare else None

    def full_handle(self, name: str) -> str:
        """A handle as people write it, with its domain; a bare name is local."""
        return self.handle({"acct": name.strip()})

    def parent_id(self, status: Json) -> str | None:
        """The status that this one asks about: the quoted one before the answered one."""
        quoted, quoted_id = _quote(status)
        return bare_id_of(quoted) if quoted else quoted_id or _id(status.get("in_reply_to_id"))

    def answered_id(self, status: Json) -> str | None:
        """The status that decides whether the bot's handle in this one was written by its author;
        null where that is plain without.
        """
        if not self._mentions_bot(status) or self._writes_our_name(status):
            return None
        return _id(status.get("in_reply_to_id"))

    def read(
        self,
        status: Json,
        parents: Mapping[str, Json] | None = None,
        blocking: Collection[str] = (),
    ) -> Post:
        """One post; `parents` are statuses that were looked up, by their id.

        `blocking` holds the ids of accounts that block the bot.
        """
        bare_id = bare_id_of(status)
        if bare_id is None:
            raise ValueError("a status without an id")
        known = dict(parents or {})
        quoted, quoted_id = _quote(status)
        if quoted:
            known[str(quoted["id"])] = quoted
            quoted_id = str(quoted["id"])
        photos = tuple(_photo_addresses(status))
        parent = None if photos else known.get(self.parent_id(status) or "")
        if parent and _is_private(parent):
            parent = None  # the bot may see it; readers of the database may not
        text, spoken = text_of(str(status.get("content") or ""))
        account = status.get("account") or {}
        is_own = str(account.get("id")) == self.own_id
        return Post(
            id=f"mastodon:{bare_id}",
            author=self.handle(account),
            author_id=self.account_id(account),
            posted_at=post_time(status["created_at"]),
            text=text,
            url=as_address(status.get("url")) or as_address(status.get("uri")),
            photos=photos,
            hashtags=tuple(_hashtags(status, spoken)),
            summons=self._calls_bot(status, known) or self._is_ours(known.get(quoted_id or "")),
            to_bot=self._mentions_bot(status)
            or str(status.get("in_reply_to_account_id")) == self.own_id
            or self._is_ours(known.get(quoted_id or "")),
            in_reply_to=_post_id(status.get("in_reply_to_id")),
            quotes=_post_id(quoted_id),
            parent=self.read(parent, None, blocking) if parent else None,
            is_repost=bool(status.get("reblog")),
            by_bot=bool(account.get("bot")) and not is_own,
            is_private=_is_private(status),
            opts_out=None if is_own else _opts_out(account, blocking),
            edited_at=post_time(status["edited_at"]) if status.get("edited_at") else None,
        )

    def _calls_bot(self, status: Json, known: Mapping[str, Json]) -> bool:
        """Whether its author wrote the bot's handle.

        Apps put the handles of a thread before each answer. One there was written only where the
        status that is answered neither is the bot's nor has it.
        """
        if not self._mentions_bot(status) or not status.get("in_reply_to_id"):
            return self._mentions_bot(status)
        if self._writes_our_name(status):
            return True
        above = known.get(str(status["in_reply_to_id"]))
        return above is not None and not self._is_ours(above) and not self._mentions_bot(above)

    def _writes_our_name(self, status: Json) -> bool:
        text, _ = text_of(str(status.get("content") or ""))
        return any(is_written(text, name) for name in self.own_names)

    def _mentions_bot(self, status: Json) -> bool:
        return any(
            str(account.get("id")) == self.own_id for account in status.get("mentions") or []
        )

    def _is_ours(self, status: Json | None) -> bool:
        account = (status or {}).get("account") or {}
        return str(account.get("id")) == self.own_id


def _quote(status: Json) -> tuple[Json | None, str | None]:
    """The quoted status where it is shown, and its id where that is known.

    Mastodon wraps it with a state; Pleroma gives the status itself, under its own name or not.
    """
    pleroma = status.get("pleroma") or {}
    quote = status.get("quote") or pleroma.get("quote") or {}
    quoted = quote.get("quoted_status") if "state" in quote else quote
    known_id = (
        quote.get("quoted_status_id") or status.get("quote_id") or pleroma.get("quote_id") or None
    )
    return (quoted if quoted and quoted.get("account") else None), _id(known_id)


def _photo_addresses(status: Json) -> Iterable[str]:
    """Addresses of all photos; of a video or GIF its preview frame."""
    for media in status.get("media_attachments") or []:
        kind = media.get("type")
        if kind == "image":
            address = media.get("url") or media.get("remote_url") or media.get("preview_url")
        elif kind in ("gifv", "video"):
            address = media.get("preview_url") or media.get("preview_remote_url")
        elif kind == "unknown":
            # The server did not fetch it; whoever posted it may still serve it.
            address = media.get("remote_url") or media.get("url")
            address = address if _PICTURE.search(urlsplit(str(address)).path) else None
        else:
            address = None
        if as_address(address):
            yield str(address)


def _hashtags(status: Json, spoken: str) -> Iterable[str]:
    """The hashtags that the server lists, and those it overlooked, as some do full-width ones."""
    listed = [str(tag.get("name") or "") for tag in status.get("tags") or []]
    folded = {fold_tag(name) for name in listed}
    written = tags_in(re.sub(r"https?://\S+", " ", spoken))
    return [*listed, *(tag for tag in written if fold_tag(tag) not in folded)]


def _is_private(status: Json) -> bool:
    return str(status.get("visibility") or "public") not in ("public", "unlisted")


def _opts_out(account: Json, blocking: Collection[str]) -> str | None:
    if str(account.get("id")) in blocking:
        return "blocks the bot"
    return "#nobot in the profile" if _wants_no_bot(account) else None


def _wants_no_bot(account: Json) -> bool:
    texts = [text_of(str(account.get("note") or ""))[0]]
    for field in account.get("fields") or []:
        # Servers give the name of a field as plain text and its value as HTML.
        texts += [str(field.get("name") or ""), text_of(str(field.get("value") or ""))[0]]
    return any(wants_no_bot(text[:MAX_LENGTH]) for text in texts)


def bare_id_of(item: Json) -> str | None:
    """The id of a status, account or notification; None where it is not usable as one."""
    return _id(item.get("id"))


def _id(value: object) -> str | None:
    text = as_text(value)
    return text if _ID.fullmatch(text) else None


def _post_id(value: object) -> str | None:
    bare_id = _id(value)
    return f"mastodon:{bare_id}" if bare_id else None
