"""Lexicon of the text front end: tables that the rules of numbers.py and words.py read."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# singular, plural, and for what has a smaller coin its singular and plural
CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₿": ("bitcoin", "bitcoins", "bit", "bits"),
    "¢": ("cent", "cents", "cent", "cents"),
}

MAGNITUDES = {
    "k": "thousand", "K": "thousand", "M": "million", "mn": "million", "m": "million",
    "bn": "billion", "B": "billion", "tn": "trillion",
}  # fmt: skip
PER = "second|minute|hour|day|night|week|month|year|person|head|piece|page"
BIG = "hundred|thousand|million|billion|trillion"

_REGULAR = {
    "x": "time", "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter",
    "μm": "micrometer", "nm": "nanometer", "mi": "mile", "yd": "yard", "kg": "kilogram",
    "g": "gram", "mg": "milligram", "μg": "microgram", "lb": "pound", "lbs": "pound",
    "oz": "ounce", "l": "liter", "L": "liter", "ml": "milliliter", "mL": "milliliter",
    "h": "hour", "hr": "hour", "hrs": "hour", "min": "minute", "mins": "minute", "s": "second",
    "sec": "second", "ms": "millisecond", "W": "watt", "kW": "kilowatt", "MW": "megawatt",
    "kWh": "kilowatt hour", "V": "volt", "kB": "kilobyte", "KB": "kilobyte", "MB": "megabyte",
    "GB": "gigabyte", "TB": "terabyte", "dB": "decibel", "cal": "calorie", "kcal": "kilocalorie",
    "Ω": "ohm", "kΩ": "kiloohm", "px": "pixel",
}  # fmt: skip
_ALIKE = {
    "%": "percent", "‰": "per mille", "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz",
    "GHz": "gigahertz",
}  # fmt: skip
UNITS = {  # singular and plural
    **{unit: (name, f"{name}s") for unit, name in _REGULAR.items()},
    **{unit: (name, name) for unit, name in _ALIKE.items()},
    "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"),
    "ft": ("foot", "feet"),
    "mph": ("mile per hour", "miles per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"),
}

ROMAN = {"X": 10, "IX": 9, "V": 5, "IV": 4, "I": 1}
REGNAL = _set(
    "Alexander Benedict Catherine Charles Edward Elizabeth Francis Frederick George Gregory Henry "
    "Innocent Ivan James John Leo Louis Napoleon Nicholas Otto Paul Peter Philip Pius Richard "
    "William"
)
COUNTED = _set(
    "Act Appendix Article Book Chapter Class Figure Level Part Phase Scene Section Stage Table "
    "Type Volume War"
)

# before a name
TITLES = {
    "Mr": "Mister", "Mrs": "Misses", "Ms": "Miz", "Dr": "Doctor", "Prof": "Professor",
    "St": "Saint", "Mt": "Mount", "Ft": "Fort", "Gen": "General", "Col": "Colonel",
    "Lt": "Lieutenant", "Sgt": "Sergeant", "Capt": "Captain", "Maj": "Major", "Rev": "Reverend",
    "Hon": "Honorable", "Gov": "Governor", "Sen": "Senator", "Rep": "Representative",
    "Pres": "President", "Fr": "Father",
}  # fmt: skip
# never the end of a sentence
INNER = {
    "e.g.": "for example", "i.e.": "that is", "vs.": "versus", "approx.": "approximately",
    "ca.": "circa", "cf.": "compare", "viz.": "namely", "Fig.": "Figure", "Figs.": "Figures",
    "Eq.": "Equation", "Sec.": "Section", "Ch.": "Chapter", "Vol.": "Volume", "pp.": "pages",
    "p.": "page", "vol.": "volume", "ch.": "chapter", "fig.": "figure", "figs.": "figures",
     "w/o": "without", "w/": "with",
}  # fmt: skip
# perhaps the end of a sentence
FINAL = {
    "etc.": "et cetera", "a.m.": "eigh M", "p.m.": "P M", "Ph.D.": "P H D",
     "et al.": "et al", "Inc.": "Incorporated", "Ltd.": "Limited",
    "Co.": "Company", "Corp.": "Corporation", "Jr.": "Junior", "Sr.": "Senior", "Bros.": "Brothers",
    "Ave.": "Avenue", "Blvd.": "Boulevard", "Rd.": "Road", "Dept.": "Department",
    "Univ.": "University", "a.k.a.": "also known as", "Jan.": "January", "Feb.": "February",
    "Aug.": "August", "Sept.": "September", "Oct.": "October", "Nov.": "November",
    "Dec.": "December", "Esq.": "Esquire",
}  # fmt: skip
# words that begin sentences: a full stop before them may be one
STARTERS = (
    "A|After|All|And|As|At|But|For|From|He|Her|Here|His|How|I|If|In|It|Its|It's|Let|Many|Maybe|My|"
    "No|Not|Now|On|One|Or|Our|Please|She|So|Some|Then|There|These|They|This|Those|To|Today|We|What|"
    "When|Where|Which|Who|Why|With|Yes|You|Your|The|Their|That"
)
# all in capitals, these are still words; other capitals of two or three are spelled
SHORT_WORDS = _set(
    "AD ADD AGE AGO AH AIM AIR ALL AM AN AND ANY ARE ARM ART AS ASK AT ATE BAD BAG BAN BAR BE "
    "BED BEE BET BIG BIT BOX BOY BUS BUT BUY BY BYE CAN CAP CAR CAT COW CRY CUP CUT DAD DAY DID "
    "DIE DO DOG DRY DUE EAR EAT EGG END EYE FAN FAR FAT FEE FEW FIT FIX FLY FOR FOX FUN GAS GET "
    "GO GOD GOT GUN GUY HAD HAS HAT HE HER HEY HI HIM HIS HIT HOT HOW ICE IF ILL IN IS IT ITS "
    "JAM JOB JOY KEY KID LAW LAY LEG LET LIE LOT LOW MAD MAN MAP MAY ME MEN MIX MOM MRS MUD MY "
    "NET NEW NO NOR NOT NOW NUT OAK ODD OF OFF OH OIL OK OLD ON ONE OR OUR OUT OWE OWN PAN PAY "
    "PEN PET PIE PIN PIT POP POT PUT RAM RAN RAT RAW RED ROM RUN SAD SAT SAW SAY SEA SEE SET "
    "SEX SHE SHY SIM SIR SIT SIX SKY SO SON SPY SUM SUN TAX TEA TEN THE TIE TIP TO TOO TOP TOY "
    "TRY TWO UP USE VAN WAR WAS WAY WE WET WHO WHY WIN WON WOW YES YET YOU ZIP ZOO "
)
# capitals with a vowel that espeak-ng spells by itself, with better stress than letter by letter
SPELLED = _set("AI API ATM CIA DIY DNA EU IBM ID IP IRS NBA UFO UI URL USA USB")

DOMAINS = (
    "com|org|net|edu|gov|io|ai|info|biz|app|dev|eu|uk|us|ca|au|de|fr|es|nl|ch|at|be|se|dk|pl|jp|cn|"
    "br|ie|nz|tv|fm|me|xyz"
)
ADDRESS_SIGNS = {
    "@": "at", ".": "dot", "/": "slash", "-": "dash", "_": "underscore", "?": "question mark",
    "=": "equals", "&": "and", "#": "hash", "%": "percent", ":": "colon", "~": "tilde",
    "+": "plus", ",": "comma", ";": "semicolon", "!": "exclamation mark", "'": "apostrophe",
}  # fmt: skip

# signs that stand for words anywhere in a text
SIGNS = {
    "&": "and", "+": "plus", "=": "equals", "@": "at", "%": "percent", "‰": "per mille",
    "°": "degrees", "×": "times", "÷": "divided by", "±": "plus or minus", "≈": "approximately",
    "≠": "is not", "≤": "at most", "≥": "at least", "∞": "infinity", "√": "square root of",
    "→": "to", "⇒": "implies", "←": "from", "§": "section", "¬": "not", "∈": "in", "∑": "sum of",
    "$": "dollars", "€": "euros", "£": "pounds", "¥": "yen", "₹": "rupees", "¢": "cents",
    "₽": "rubles", "₩": "won", "₿": "bitcoin", "\\": "backslash", "^": "to the power of",
    "#": "hash",
}  # fmt: skip

_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma "
    "sigma tau upsilon phi chi psi omega"
)
_SMALL = dict(zip("αβγδεζηθικλμνξοπρσςτυφχψω", _NAMES.split(" "), strict=True))
GREEK = _SMALL | {letter.upper(): name for letter, name in _SMALL.items()}
