"""The pictures of the demo: critters with coats and poses, scenes around them, and memes."""

from .critters import LOOKS, Look, draw_critter
from .scenes import draw_meme

__all__ = ["LOOKS", "Look", "draw_critter", "draw_meme"]
