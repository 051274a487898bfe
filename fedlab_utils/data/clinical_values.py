"""What the cells of clinical tables say: numbers, survival, grades, as publishers write them."""

from __future__ import annotations

import math
import re

MAX_AGE = 120
"""Years; a higher age is a code for an unknown one, or an error."""

# 1,278 is a thousand; 55,2 and 0,500 have a decimal comma.
_THOUSANDS = re.compile(r"(?<![\d.,])-?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?(?![\d,])")
_DECIMAL = re.compile(r"-?\d+(?:[.,]\d+)?")

_POINT_OF_THOUSANDS = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:\.\d{3})+(?!\d)")

_OTHER_UNIT = re.compile(r"\d\s*(?:weeks?|wks?|months?|mos?|years?|yrs?)\b", re.I)

_DEAD = {"deceased", "dead", "died", "death"}
_ALIVE = {"alive", "living", "censored", "lost to follow-up", "lost to follow up"}

_GRADES = {"IV": "HGG", "III": "HGG", "II": "LGG", "I": "LGG"}
_GRADES |= {"4": "HGG", "3": "HGG", "2": "LGG", "1": "LGG"}


def number(text: str | None, most: float = math.inf) -> float | None:
    """Return the first number in a text, or None if there is none, or none from 0 to ``most``.

    A comma before three digits marks thousands, unless only the reading as a decimal comma stays
    below ``most``: an age of 60,463 years is 60.463.
    """
    readings = []
    if found := _THOUSANDS.search(text or ""):
        readings.append(float(found[0].replace(",", "")))
    if found := _DECIMAL.search(text or ""):
        readings.append(float(found[0].replace(",", ".")))
    if not readings or readings[0] < 0:
        return None
    return next((reading for reading in readings if reading <= most), None)


def implausible_age(text: str | None) -> bool:
    """Tell whether a text holds an age that nobody reaches."""
    return number(text) is not None and number(text, MAX_AGE) is None


def unclear_days(text: str | None) -> bool:
    """Tell whether days are not whole ones: 1.278 may be 1278 of them, 14.3 may be months."""
    days = number(text)
    if days is None or _OTHER_UNIT.search(text):
        return False
    return days % 1 > 0 or _POINT_OF_THOUSANDS.search(text) is not None


def survival(text: str | None, status: str | None) -> tuple[float | None, bool | None]:
    """Return days, and whether the patient was alive then; None for what is not known in days.

    Parameters
    ----------
    text
        Days, or as BraTS 2020 has it ``ALIVE (361 days later)``.
    status
        ``Deceased``, ``Lost to Follow-up``, 1 for dead and 0 for alive; empty where the table has
        a column for it that does not say. None where the table has no such column, as those of
        BraTS: their days are until death, unless the text says ALIVE (Bakas et al. 2018,
        arXiv:1811.02629).
    """
    days = number(text)
    if days is None or _OTHER_UNIT.search(text):
        return None, None
    if "alive" in text.casefold():
        return days, True
    if status is None:
        return days, False
    word = status.strip().casefold()
    if word in _DEAD or number(word) == 1:
        return days, False
    return days, True if word in _ALIVE or number(word) == 0 else None


def grade(text: str | None) -> str | None:
    """Return HGG for WHO grades 3 and 4, LGG for 1 and 2, another word in capitals."""
    if text is None:
        return None
    word = re.sub(r"^(?:(?:WHO|CNS|GRADE)[\s:_-]*)+", "", text.strip().upper())
    return _GRADES.get(re.sub(r"\.0+$", "", word), word)


def resection(text: str | None) -> str | None:
    """Return GTR, STR or what else is written; UPENN-GBM says whether over 90 % was removed."""
    return {"Y": "GTR", "N": "STR"}.get(text, text) if text else None
