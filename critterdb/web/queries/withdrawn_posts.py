"""Posts whose pictures and people are not to be shown any more."""

from __future__ import annotations

from critterdb.storage.database import SiteDatabase

_OPTED_OUT = """
SELECT 1 FROM opt_outs
WHERE platform = ? AND (lower(author) IN (lower(?), lower(?)) OR author_id IN (?, ?))
LIMIT 1
"""


def is_withdrawn(db: SiteDatabase, post_id: str) -> bool:
    """Whether a post, or the post that its photos come from, was deleted, or either author opted
    out.
    """
    for post in db.query("SELECT * FROM posts WHERE id = ?", [post_id]):
        # Whose photos they are is known since migration 12; a copy served read-only may be older.
        if post["deleted_at"] or post.get("photos_deleted_at"):
            return True
        people = [post.get(name) for name in ("author", "photos_author")]
        accounts = [post.get(name) for name in ("author_id", "photos_author_id")]
        opted_out = db.execute(_OPTED_OUT, [post["platform"], *people, *accounts])
        return opted_out.fetchone() is not None
    return False


def is_withdrawn_picture(db: SiteDatabase, url: str) -> bool:
    """Whether a picture, by the address where it lies, belongs to a withdrawn post."""
    posts = db.query("SELECT DISTINCT post_id FROM post_images WHERE url = ?", [url])
    return any(is_withdrawn(db, post["post_id"]) for post in list(posts))
