"""critterdb's permissions, the same on both lines of Datasette."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from critterdb.web.state import plugin_state

from . import compat

if TYPE_CHECKING:
    from datasette.app import Datasette

CLASSIFY = "critterdb-classify"
HEALTH = "critterdb-health"
REVIEW = "critterdb-review"
HOST = "critterdb-host"
# Both the setting `allow` and the permission must let somebody in: neither a plugin nor a forgotten
# block opens what the other closes.
ACTIONS = {
    CLASSIFY: "Classify photos at /-/classify",
    HEALTH: "See the details of /-/critterdb/health",
    REVIEW: "Review predictions, and settle the answers of hosts",
    HOST: "Plan, cancel and correct the rounds that the bot posts",
}


def own_verdict(datasette: Datasette, actor: compat.Actor | None, action: str) -> bool | None:
    """Return what the plugin's own settings say; None if they leave it to others.

    Everybody may classify unless `plugins.critterdb.allow` says otherwise: no other rule opens that
    gate. Details of the health page are for root, and for those that a rule names; so are reviewing
    and hosting, unless `plugins.critterdb.review` or `plugins.critterdb.host_rounds` says who may.
    """
    from datasette.utils import actor_matches_allow

    written = compat.written_permission(datasette, action)
    if action == CLASSIFY:
        allow = plugin_state(datasette).settings.allow
        if allow is None and written is None and compat.denies_by_default(datasette):
            return None
        # Both must let somebody in, so that neither a plugin nor a forgotten block opens what the
        # other one closes.
        return bool(actor_matches_allow(actor, allow) and actor_matches_allow(actor, written))
    settings = plugin_state(datasette).settings
    block = {REVIEW: settings.review, HOST: settings.host_rounds}.get(action)
    if block is not None:
        return bool(actor_matches_allow(actor, block))
    if actor and actor.get("id") == "root":
        return True
    return bool(actor_matches_allow(actor, written)) if written is not None else None


def rule(datasette: Datasette, actor: compat.Actor | None, action: str) -> Any:
    """Return the same for 1.0's permission system."""
    if action not in ACTIONS:
        return None
    verdict = own_verdict(datasette, actor, action)
    return compat.permission_rule(verdict, "critterdb's own settings")


async def may(datasette: Datasette, actor: compat.Actor | None, action: str) -> bool:
    """Whether `actor` may do one of ACTIONS, by the settings and by Datasette's permissions."""
    verdict = own_verdict(datasette, actor, action)
    if verdict is False:
        return False
    return await compat.permitted(datasette, actor, action, bool(verdict))
