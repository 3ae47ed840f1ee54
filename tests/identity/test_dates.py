"""Two-digit years, GS1 General Specifications 7.12: the window moves with today, day 00 is the month's last."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.identity import IdentityError, expires_on

TODAY = date(2026, 6, 15)


@pytest.mark.parametrize(
    ("yymmdd", "today", "day"),
    [
        ("271231", TODAY, date(2027, 12, 31)),
        ("271200", TODAY, date(2027, 12, 31)),
        ("270200", TODAY, date(2027, 2, 28)),
        ("280200", TODAY, date(2028, 2, 29)),
        ("760101", TODAY, date(2076, 1, 1)),
        ("770101", TODAY, date(1977, 1, 1)),
        ("010101", date(1999, 1, 1), date(2001, 1, 1)),
        ("490101", date(1999, 1, 1), date(2049, 1, 1)),
        ("500101", date(1999, 1, 1), date(1950, 1, 1)),
        ("991231", date(2049, 1, 1), date(2099, 12, 31)),
        ("000101", date(2051, 1, 1), date(2100, 1, 1)),
        ("000200", date(2060, 1, 1), date(2100, 2, 28)),
    ],
)
def test_the_window(yymmdd: str, today: date, day: date) -> None:
    assert expires_on(yymmdd, today) == day


@pytest.mark.parametrize("yymmdd", ["", "27123", "2712311", "27123X", "٢٧١٢٣١", "271301", "270001", "270431", "-10101"])
def test_no_date_at_all(yymmdd: str) -> None:
    with pytest.raises(IdentityError) as refused:
        expires_on(yymmdd, TODAY)
    assert refused.value.code == "date"


def test_a_leap_day_that_its_century_lacks() -> None:
    with pytest.raises(IdentityError, match="found day 29 of 2100-02"):
        expires_on("000229", date(2060, 1, 1))


@given(st.dates(date(1950, 1, 1), date(2300, 1, 1)), st.integers(-49, 50), st.integers(0, 364))
def test_every_day_in_the_window_comes_back(today: date, years: int, day: int) -> None:
    meant = (date(2001, 1, 1) + timedelta(day)).replace(year=today.year + years)
    assert expires_on(f"{meant:%y%m%d}", today) == meant
