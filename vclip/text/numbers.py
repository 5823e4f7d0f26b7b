"""Numbers as they are said: dates, times, telephones, money, units, ranges.

The voices are American: 3/4/2026 is the fourth of March, 21/11/2026 can only be the 21st of
November. Four bare digits from 1100 to 2099 are read as a year, as people mostly read them.
"""

import re
from collections.abc import Callable

from num2words import num2words

from vclip.text import lexicon

Match = re.Match[str]
Rule = tuple[re.Pattern[str], Callable[[Match], str] | str]

YEARS = range(1100, 2100)
LONG = 10  # digits in a row: from here on a telephone or card number, not a quantity
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_STARTS = re.compile(rf"\s*$|\s+[\"'(]*(?:{lexicon.STARTERS})\b")


def rule(pattern: str, say: Callable[[Match], str] | str) -> Rule:
    """A pattern and what is said for it: a function of the match or a template."""
    return re.compile(pattern), say


def stop(match: Match) -> str:
    """The full stop of an abbreviation ends its sentence too if a new one seems to start."""
    return "." if _STARTS.match(match.string, match.end()) else ""


def cardinal(number: str) -> str:
    """`1,234.05` → one thousand two hundred thirty-four point zero five."""
    whole, _, decimals = number.replace(",", "").partition(".")
    said = _whole(whole or "0")
    return f"{said} point {digits(decimals)}" if decimals else said


def digits(number: str) -> str:
    """`207` → two zero seven."""
    return " ".join(num2words(int(digit)) for digit in number)


def ordinal(number: str) -> str:
    """`21` → twenty-first."""
    return _plain(num2words(int(number), to="ordinal"))


def year(number: str) -> str:
    """`1984` → nineteen eighty-four."""
    return _plain(num2words(int(number), to="year"))


def bare(number: str) -> str:
    """A number with nothing that tells what it counts."""
    is_year = len(number) == 4 and number.isdigit() and int(number) in YEARS
    return year(number) if is_year else cardinal(number)


def letters(word: str) -> str:
    """`USA` → U S eigh: espeak takes a lone A for the article."""
    return " ".join("eigh" if letter == "A" else letter for letter in word)


def _whole(number: str) -> str:
    padded = number.startswith("0") and len(number) > 1
    long = len(number) >= LONG and not number.endswith("000")
    return digits(number) if padded or long or len(number) > 30 else _plain(num2words(int(number)))


def _plain(words: str) -> str:
    return words.replace(" and ", " ").replace(",", "")


def _day(day: str, month: int, of: str | None) -> str:
    said = f"{MONTHS[month - 1]} {ordinal(day)}"
    return f"{said}, {year(of)}" if of else said


def _iso_date(match: Match) -> str:
    return _day(match["day"], int(match["month"]), match["year"])


def _slash_date(match: Match) -> str:
    month, day, of = int(match["first"]), match["second"], match["year"]
    if len(of) == 2:  # 1969 to 2068, as POSIX reads them
        of = ("19" if of > "68" else "20") + of
    if month > 12 or match["sign"] == ".":  # 21.11.2026 is how Europe writes it
        month, day = int(day), match["first"]
    valid = 1 <= month <= 12 and 1 <= int(day) <= 31
    return (
        _day(day, month, of)
        if valid
        else " ".join(bare(part) for part in re.findall(r"\d+", match[0]))
    )


def _named_date(match: Match) -> str:
    """The month as a whole or shortened; `Marching 5` is none."""
    month = next(i for i, name in enumerate(MONTHS, 1) if name.startswith(match["month"][:3]))
    written = match["month"] + match["rest"]
    if not MONTHS[month - 1].startswith(written) or not 1 <= int(match["day"]) <= 31:
        return match[0]
    if match.groupdict().get("of"):  # the 4th of July
        end = f", {year(match['year'])}" if match["year"] else ""
        return f"{ordinal(match['day'])} of {MONTHS[month - 1]}{end}"
    return _day(match["day"], month, match["year"])


def _time(match: Match) -> str:
    hour, minute, second, half = match.group("hour", "minute", "second", "half")
    if half and not 1 <= int(hour) <= 12:
        return match[0]
    said = [num2words(int(hour))]
    if minute and minute != "00":
        said.append(("oh " if minute[0] == "0" else "") + num2words(int(minute)))
    elif minute and not half:
        said.append("o'clock" if 1 <= int(hour) <= 12 else "hundred")
    if second and second != "00":
        said.append(f"and {num2words(int(second))} seconds")
    if half:
        said.append(letters(half.upper()) + " M" + (stop(match) if match[0][-1] == "." else ""))
    return " ".join(said)


def _power_of_ten(match: Match) -> str:
    """3.2e-5; without point or sign it may as well be the name of a thing: 3E5."""
    if match[0].isalnum():
        return match[0]
    return f"{cardinal(match[1])} times ten to the power of {match[2].replace('-', 'minus ')}"


def _phone(match: Match) -> str:
    groups = [digits(group) for group in re.findall(r"\d+", match[0])]
    return ("plus " if match[0].startswith("+") else "") + ", ".join(groups)


def _fraction(match: Match) -> str:
    whole, top, bottom = match.group("whole", "top", "bottom")
    if not 1 <= int(top) < int(bottom) or int(bottom) not in (*range(2, 11), 16, 32, 64, 100):
        return " ".join(bare(part) for part in (whole, top, bottom) if part)  # 24/7, 9/11
    name = {2: "half", 4: "quarter"}.get(int(bottom)) or ordinal(bottom)
    name = name if top == "1" else ("halves" if name == "half" else name + "s")
    if not whole:
        return f"{cardinal(top)} {name}"
    return f"{cardinal(whole)} and {'a' if top == '1' else cardinal(top)} {name}"


def _quantity(match: Match) -> str:
    """A number or a range of two, with sign, currency, magnitude and unit."""
    first, second, unit, magnitude = match.group("first", "second", "unit", "magnitude")
    currency = match["before"] or match["after"]
    sign = {"-": "minus ", "–": "minus ", "±": "plus or minus ", "+": "plus "}.get(
        match["sign"], ""
    )
    if currency and not (second or magnitude) and re.search(r"\.\d\d$", first):
        return sign + _coins(first, currency)
    one = first == "1" and not (second or magnitude)
    say = cardinal if currency or magnitude or unit else bare
    said = [say(first)] + (["to", say(second)] if second else [])
    said += [lexicon.MAGNITUDES.get(magnitude, magnitude)] if magnitude else []
    said += [lexicon.CURRENCIES[currency][0 if one else 1]] if currency else []
    said += [_unit(unit, one or match["space"] == "-")] if unit else []  # a 5-km run
    return sign + " ".join(said)


def _coins(amount: str, currency: str) -> str:
    whole, cents = amount.replace(",", "").split(".")
    names = lexicon.CURRENCIES[currency]
    said = []
    if int(whole or 0) or not int(cents):
        said.append(f"{_whole(whole or '0')} {names[0 if whole == '1' else 1]}")
    if int(cents):
        said.append(f"{num2words(int(cents))} {names[2 if cents == '01' else 3]}")
    return " and ".join(said)


def _unit(unit: str, one: bool) -> str:
    said = []
    for i, part in enumerate(unit.split("/")):
        name, _, power = part.partition("^")
        said.append({"2": "square ", "3": "cubic "}.get(power, ""))
        said[-1] += lexicon.UNITS[name][0 if one or i else 1]
    return " per ".join(said)


def _decade(match: Match) -> str:
    said = (year if len(match["years"]) == 4 else cardinal)(match["years"])
    return said[:-1] + "ies" if said.endswith("y") else said + "s"


def _mixed(match: Match) -> str:
    """`CO2`, `MP3`, `COVID-19`: letters and digits apart, capitals spelled if they are few."""
    parts = re.findall(r"[^\W\d_]+|\d+", match[0])
    said = [bare(p) if p.isdigit() else letters(p) if p.isupper() else p for p in parts]
    return " ".join(said)


_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
_MONTH = r"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?P<rest>[a-z]*)\b\.?"
_YEAR = r"(?P<year>1\d{3}|20\d\d)(?![\d,]\d)"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?(?![\w:%]|[.,]\d)"
_UNITS = "|".join(sorted(map(re.escape, lexicon.UNITS), key=len, reverse=True))
_UNIT = rf"(?:{_UNITS})(?:\^[23])?"
_SIGNS = "".join(lexicon.CURRENCIES)
_BIG = rf"\s?(?P<magnitude>{lexicon.BIG}|mn|bn|tn|(?<=\d)(?:k|M)|(?(before)[mKB]|(?!)))\b"
_HALF = r"\s?(?P<half>[AaPp])\.?\s?[Mm]\b\.?"

RULES: list[Rule] = [
    # dates
    rule(r"(?<![\w-])(?P<year>1\d{3}|20\d\d)-(?P<month>0[1-9]|1[0-2])-"
         r"(?P<day>0[1-9]|[12]\d|3[01])(?![\w-])", _iso_date),
    rule(rf"(?<![\w/.])(?P<first>\d\d?)(?P<sign>[/.])(?P<second>\d\d?)(?P=sign){_YEAR}",
         _slash_date),
    rule(r"(?<![\w/.-])(?P<first>\d\d?)(?P<sign>/)(?P<second>\d\d?)/(?P<year>\d\d)(?![\w/-]|\.\d)",
         _slash_date),
    rule(rf"\b{_MONTH}\s+{_DAY}(?:,?\s+{_YEAR})?", _named_date),
    rule(rf"(?<![\w.,:])(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<of>of\s+)?{_MONTH}(?:,?\s+{_YEAR})?",
         _named_date),
    # times
    rule(r"(\d(?:\s?[ap]\.?m\.?)?)\s?[-–]\s?(?=\d{1,2}:\d\d|\d{1,2}\s?[ap]\.?m\b)", r"\1 to "),
    rule(r"(?<![\w:.,])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?"
         rf"(?:{_HALF}|(?![\w:]))", _time),
    rule(rf"(?<![\w:.,])(?P<hour>1[0-2]|[1-9])(?P<minute>)(?P<second>){_HALF}", _time),
    rule(r"(?<=\d):(?=\d)", " to "),
    # what is no quantity
    rule(r"(?<![\w.,])(\d+(?:\.\d+)?)[eE]\+?(-?\d{1,3})(?![\w.]*\d)(?!\w)", _power_of_ten),
    rule(r"(?<![\w+])\+\d[\d ().–-]{6,}\d|(?<!\w)\(?\b\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b"
         r"|\b0\d{2,4} \d{3,4} ?\d{3,4}\b|\b\d{3}-\d{4}\b|\b\d{1,6}(?:-\d{1,6}){2,}\b", _phone),
    rule(r"\b([A-Za-z]{1,3})(?=\d+\.\d)", r"\1 "),
    rule(r"\b\d+(?:\.\d+){2,}", lambda m: " point ".join(map(cardinal, m[0].split(".")))),
    rule(r"\b(\d+)(?:st|nd|rd|th)\b", lambda m: ordinal(m[1])),
    rule(r"(?<!\w)'?(?P<years>\d{3}0|[2-9]0)'?s\b", _decade),
    rule(r"(?<![\w/.,])(?:(?P<whole>\d+)\s)?(?P<top>\d+)/(?P<bottom>\d+)(?![\w/])", _fraction),
    # quantities
    rule(r"(?<=\d)\s-\s(?=\d+(?:\.\d+)?\s?=)", " minus "),
    rule(r"(?:(?<=[%°])|(?<=°[CF]))\s?[-–]\s?(?=\d)", " to "),
    rule(rf"(?<![\w.,])(?P<sign>[-–+±])?(?:(?:US|HK|NZ|A|C)?(?P<before>[{_SIGNS}])\s?)?"
         rf"(?P<first>{_NUMBER})(?:\s?[-–]\s?[{_SIGNS}]?(?P<second>{_NUMBER}))?(?:{_BIG})?"
         rf"(?:\s?(?P<after>[{_SIGNS}]))?(?:(?P<space>[\s-]?)(?P<unit>{_UNIT}(?:/{_UNIT})*)"
         r"(?![\w/^])(?:\.(?=\s+[a-z]))?)?(?!\w)", _quantity),
    rule(r"\b(?=\w*\d)(?=\w*[^\W\d_])\w+(?:-\d+)*\b|\b[A-Z]+-\d+\b", _mixed),
    rule(r"\d+", lambda m: f" {cardinal(m[0])} "),
]  # fmt: skip
