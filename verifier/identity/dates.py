"""Two-digit years (GS1 General Specifications 7.12): whether a YYMMDD can be a date, and which date it is.

No clock: today is an argument, and only `expires_on` needs it.
"""

from datetime import date, timedelta

from .errors import IdentityError

DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def check_date(yymmdd: str, what: str, day_zero: bool = True) -> None:
    """Raise IdentityError `date` unless the six digits are a date; `day_zero`: 00 may stand for the month's last day.

    The century is unknown here, so 29 February is believed of every fourth year.

    >>> check_date("271331", "USE BY or EXPIRY")
    Traceback (most recent call last):
    verifier.identity.errors.IdentityError: Failed to parse '271331' as USE BY or EXPIRY: expected a date YYMMDD, \
found month 13.
    """
    if len(yymmdd) != 6 or not (yymmdd.isascii() and yymmdd.isdigit()):
        raise IdentityError(yymmdd, what, "a date YYMMDD", f"{len(yymmdd)} characters", "date")
    year, month, day = int(yymmdd[:2]), int(yymmdd[2:4]), int(yymmdd[4:])
    if not 1 <= month <= 12:
        raise IdentityError(yymmdd, what, "a date YYMMDD", f"month {yymmdd[2:4]}", "date")
    last = 28 if month == 2 and year % 4 else DAYS[month - 1]
    if day > last or (day == 0 and not day_zero):
        raise IdentityError(yymmdd, what, "a date YYMMDD", f"day {yymmdd[4:]}", "date")


def expires_on(yymmdd: str, today: date) -> date:
    """The last day of use. The year lies between 49 years before and 50 after today's; day 00 is the month's last.

    >>> expires_on("280200", date(2026, 1, 1))
    datetime.date(2028, 2, 29)
    >>> expires_on("770101", date(2026, 1, 1)), expires_on("760101", date(2026, 1, 1))
    (datetime.date(1977, 1, 1), datetime.date(2076, 1, 1))
    """
    check_date(yymmdd, "USE BY or EXPIRY")
    year, month, day = today.year - today.year % 100 + int(yymmdd[:2]), int(yymmdd[2:4]), int(yymmdd[4:])
    if year - today.year > 50:
        year -= 100
    elif year - today.year < -49:
        year += 100
    if day == 0:
        return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    try:
        return date(year, month, day)
    except ValueError:  # 29 February of 2100: a leap year only while the century was unknown
        raise IdentityError(yymmdd, "USE BY or EXPIRY", "a date YYMMDD", f"day {day} of {year}-02", "date") from None
