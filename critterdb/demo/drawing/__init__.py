"""The pictures of the demo: cats with coats and poses, scenes around them, and memes."""

from .coats import KINDS, Kind
from .memes import draw_meme
from .pictures import draw_critter

__all__ = ["KINDS", "Kind", "draw_critter", "draw_meme"]
