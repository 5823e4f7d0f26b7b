"""Tokens and codes of raters: not guessable; only their SHA-256 is stored."""

import base64
import hashlib
import hmac
import secrets

ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # nothing that looks like something else


def token_and_withdrawal(secret: bytes, request: str | None) -> tuple[str, str]:
    """A token of 256 bits for the page, a code of 78 bits that can be typed.

    Of the same request they are the same, so that an answer which got lost can be given again;
    without the secret not even who made the request can tell them.
    """
    name = request or secrets.token_hex(32)
    token = base64.urlsafe_b64encode(_mac(secret, f"token {name}")).decode().rstrip("=")
    number = int.from_bytes(_mac(secret, f"withdrawal {name}"), "big")
    letters = [ALPHABET[number // len(ALPHABET) ** i % len(ALPHABET)] for i in range(16)]
    return token, "-".join("".join(letters[i : i + 4]) for i in range(0, 16, 4))


def plain(code: str) -> str:
    """A code without what people add or change when they type it."""
    return "".join(letter for letter in code.upper() if letter in ALPHABET)


def digest(secret: str) -> str:
    """SHA-256 of a token or a plain code; none has so few bits that it needs salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def completion(secret: bytes, prefix: str, rater: int) -> str:
    """Completion code of a rater; whoever has the study's secret can check it."""
    mac = _mac(secret, f"completion {rater}")
    return f"{prefix}-{base64.b32encode(mac[:10]).decode()}"


def seed(secret: bytes, purpose: str, rater: int) -> int:
    """Random seed of a rater for one purpose: same after a restart, not guessable."""
    return int.from_bytes(_mac(secret, f"{purpose} {rater}")[:16], "big")


def _mac(secret: bytes, message: str) -> bytes:
    return hmac.new(secret, message.encode(), hashlib.sha256).digest()
