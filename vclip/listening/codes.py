"""What raters are known by: tokens and codes that nobody can guess, kept only as SHA-256."""

import base64
import hashlib
import hmac
import secrets

ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # nothing that looks like something else


def new_token() -> str:
    """256 random bits, for the page."""
    return secrets.token_urlsafe(32)


def new_withdrawal() -> str:
    """A code that can be typed: 16 letters and digits in fours, 78 random bits."""
    letters = [secrets.choice(ALPHABET) for _ in range(16)]
    return "-".join("".join(letters[i : i + 4]) for i in range(0, 16, 4))


def plain(code: str) -> str:
    """A code without what people add or change when they type it."""
    return "".join(letter for letter in code.upper() if letter in ALPHABET)


def digest(secret: str) -> str:
    """SHA-256 of a token or a plain code; none has so few bits that it needs salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two digests are equal, in a time that does not tell how far they are."""
    return hmac.compare_digest(one, other)


def completion(secret: bytes, prefix: str, rater: int) -> str:
    """What a rater shows for having finished; whoever has the study's secret can check it."""
    mac = hmac.new(secret, f"completion {rater}".encode(), hashlib.sha256).digest()
    return f"{prefix}-{base64.b32encode(mac[:10]).decode()}"


def seed(secret: bytes, purpose: str, rater: int) -> int:
    """Of what is drawn by lot for a rater, the same after a restart, and cannot be guessed."""
    mac = hmac.new(secret, f"{purpose} {rater}".encode(), hashlib.sha256).digest()
    return int.from_bytes(mac[:16], "big")
