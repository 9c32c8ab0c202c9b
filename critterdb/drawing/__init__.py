"""The pictures of the demo: critters with coats and poses, scenes around them, and memes."""

from .critters import draw_critter
from .looks import LOOKS, Look
from .scenes import draw_meme

__all__ = ["LOOKS", "Look", "draw_critter", "draw_meme"]
