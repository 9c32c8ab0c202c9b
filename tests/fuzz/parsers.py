"""Every parser of strangers' data, by its name."""

from __future__ import annotations

from tests.fuzz.data_parsers import DATA_PARSERS
from tests.fuzz.media_parsers import MEDIA_PARSERS
from tests.fuzz.platform_parsers import PLATFORM_PARSERS
from tests.fuzz.web_parsers import WEB_PARSERS

PARSERS = {
    parser.name: parser
    for parser in (*PLATFORM_PARSERS, *WEB_PARSERS, *MEDIA_PARSERS, *DATA_PARSERS)
}
