"""Where and when as clients write it: accepted as it is meant, or refused in one line."""

from __future__ import annotations

from datetime import date

import pytest

from critterdb.errors import RejectedInputError
from critterdb.model.whereabouts import Said, Whereabouts, parse_whereabouts, said_by

TODAY = date(2026, 11, 27)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, None),
        ({"latitude": "", "longitude": " ", "on": ""}, None),  # a form that was left empty
        ({"latitude": "34.1", "longitude": "-118.3"}, Whereabouts(34.1, -118.3)),
        ({"lat": 34, "lng": -118.25}, Whereabouts(34.0, -118.25)),
        ({"latitude": "+.5", "longitude": "1e1"}, Whereabouts(0.5, 10.0)),
        ({"latitude": 90, "longitude": "-180"}, Whereabouts(90.0, -180.0)),
        (
            {"latitude": 1, "lat": 2, "longitude": 3, "on": "2026-11-28"},  # tomorrow, to the east
            Whereabouts(1.0, 3.0, date(2026, 11, 28)),
        ),
        (
            {"lat": 1, "lng": 3, "observed_on": date(2026, 1, 2)},
            Whereabouts(1.0, 3.0, date(2026, 1, 2)),
        ),
    ],
)
def test_what_was_said_is_understood(said: dict[str, object], expected: Whereabouts | None) -> None:
    assert parse_whereabouts(said_by(said), TODAY) == expected


@pytest.mark.parametrize(
    "latitude",
    [
        *("nan", "inf", "-inf", "90.0001", "-91", "34,1", "34.1N", "1_0", "٣٤", "0x10", "9" * 400),
        *(float("nan"), float("inf"), 10**400, True, [34.1], {}),
    ],
)
def test_what_is_no_latitude_is_refused(latitude: object) -> None:
    with pytest.raises(RejectedInputError, match="latitude is not a number") as refusal:
        parse_whereabouts(Said(latitude, 1.0), TODAY)
    assert (refusal.value.code, refusal.value.status) == ("place_invalid", 400)


@pytest.mark.parametrize("longitude", ["180.5", "-181", "nan", "x"])
def test_what_is_no_longitude_is_refused(longitude: object) -> None:
    with pytest.raises(RejectedInputError, match="longitude is not a number from -180 to 180"):
        parse_whereabouts(Said("1", longitude), TODAY)


@pytest.mark.parametrize("said", [Said(latitude=1), Said(longitude="1"), Said(on="2026-01-01")])
def test_half_a_place_is_refused(said: Said) -> None:
    with pytest.raises(RejectedInputError, match="needs both latitude and longitude"):
        parse_whereabouts(said, TODAY)


@pytest.mark.parametrize(
    "on",
    [
        *("2026-11-29", "3026-01-01", "1899-12-31", "0001-01-01", "2026-02-30", "2026-13-01"),
        *("20260101", "2026-W01-1", "27.11.2026", "2026-1-1", "today", "٢٠٢٦-٠١-٠١"),
        *(20260101, True, ["2026-01-01"]),
    ],
)
def test_an_odd_date_is_refused(on: object) -> None:
    with pytest.raises(RejectedInputError, match="The date is not a day from 1900"):
        parse_whereabouts(Said(1, 1, on), TODAY)


def test_an_error_does_not_repeat_where_somebody_was() -> None:
    with pytest.raises(RejectedInputError) as refusal:
        parse_whereabouts(Said("34.123456", "-918.654321"), TODAY)
    assert "34.123456" not in str(refusal.value)
    assert "918.654321" not in str(refusal.value)
