"""Secrets as providers make them, from a seeded generator: none stands in this repository, and none is anybody's."""

import random
import string
from collections.abc import Iterator

_LETTERS = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_BASE64 = _LETTERS + "+/"


class Planted:
    """A kind of secret: the text in which it stands, and the part of it that nobody may read."""

    def __init__(self, name: str, text: str, secret: str) -> None:
        self.name, self.text, self.secret = name, text, secret


def planted(seed: int) -> Iterator[Planted]:
    """Yield one of each kind."""
    chance = random.Random(seed)

    def some(count: int, letters: str = _LETTERS) -> str:
        return "".join(chance.choices(letters, k=count))

    whole = {
        "aws key id": "AKIA" + some(16, string.ascii_uppercase + "234567"),
        "github token": "ghp_" + some(36),
        "github fine-grained token": f"github_pat_{some(22)}_{some(59)}",
        "gitlab token": "glpat-" + some(20),
        "slack token": f"xoxb-{some(12, string.digits)}-{some(12, string.digits)}-{some(24)}",
        "stripe key": "sk_live_" + some(24),
        "openai key": f"sk-proj-{some(74)}T3BlbkFJ{some(74)}",
        "anthropic key": f"sk-ant-api03-{some(93)}AA",
        "google key": "AIza" + some(35),
        "npm token": "npm_" + some(36),
        "pypi token": "pypi-AgEIcHlwaS5vcmc" + some(120),
        "hugging face token": "hf_" + some(34, string.ascii_letters),
        "sendgrid key": f"SG.{some(22)}.{some(43)}",
        "digitalocean token": "dop_v1_" + some(64, _HEX),
        "databricks token": "dapi" + some(32, _HEX),
        "vault token": "hvs." + some(90),
        "shopify token": "shpat_" + some(32, _HEX),
        "telegram token": f"{some(9, '123456789')}:AA{some(33)}",
        "web token": f"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{some(43)}",
    }
    yield from (Planted(name, secret, secret) for name, secret in whole.items())
    for name, before, secret, after in (
        ("aws secret key", "aws_secret_access_key = ", some(40, _BASE64), ""),
        ("password of a database", "postgres://app:", some(16), "@db.internal:5432/shop"),
        ("password of a cluster", "mongodb+srv://app:", some(16), "@c0.ab1cd.mongodb.net/shop"),
        ("azure key", "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=", some(86, _BASE64), "=="),
        ("password in a file", "DB_PASSWORD=", "x7" + some(14), ""),
        ("authorization", "Authorization: Bearer ", "9" + some(39), ""),
    ):
        yield Planted(name, before + secret + after, secret)
    lines = [some(64, _BASE64) for _ in range(12)]
    key = "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *lines, "-----END RSA PRIVATE KEY-----"])
    yield Planted("private key", key, lines[6])
