"""critterdb's registration with Datasette, which finds this file in the plugins/ folder of a site.

It is the one registration: there is no entry point that could register the hooks a second time.
They stand in `critterdb.web.hooks`, so that a site's copy of this file does not grow old.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

if find_spec("critterdb") is None:
    # `datasette .` in a checkout that was never installed.
    sys.path.append(str(Path(__file__).resolve().parent.parent))

from critterdb.web.hooks import *  # noqa: F403
