"""Made-up words, names and handles in several scripts; none of them is anybody's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from random import Random
from typing import TypeVar

T = TypeVar("T")

FIRSTS: tuple[str, ...] = tuple(
    "amber ashen azure brave brisk calm cedar cloud cobalt copper coral crisp dapper dawn dusty early ember fable "
    "fern frost gentle gilded glad golden grand hazel honey indigo ivory jade jolly keen kind lilac lucky lunar maple "
    "mellow merry mild misty moss nimble noble ocean olive opal paper pearl plain plum proud quiet rapid river rosy "
    "ruby rustic sandy silver solar spice stone willow".split()
)
SECONDS: tuple[str, ...] = tuple(
    "anchor arrow badger baker basket beacon bridge candle canyon castle cellar cherry clover comet cook corner "
    "cricket dancer desert dragon drums falcon feather fiddle finch garden ginger harbor heron hollow island "
    "jacket kettle kites ladder lantern lemon maker market meadow mirror mitten needle orchard otter pebble "
    "pepper pigeon pilot planet pocket potter rabbit ribbon rocket sailor shadow sparrow spoon teapot thistle "
    "tiger walnut wagon".split()
)
PAIRS = len(FIRSTS) * len(SECONDS)
_HANDLE = re.compile(r"([a-z]+)([._])([a-z]+)(\d{0,7})")
_EMOJI = "🌙 🌞 🍵 🪁 🧂 ✨ 🔥 🌊 🥁 💫 🎬 🐝 🧵 🪴 🫶🏽 👩‍🍳 ☕️ 🏏 🎧 🥘".split()
_SCRIPTS = {
    "latin": ("b c d f g h k l m n p r s t v z br st tr ch sh kl".split(), "a e i o u ai ou ea".split()),
    "arabic": ("ب ت ج د ر س ش ع ف ق ک ل م ن".split(), "ا و ی".split()),
    "urdu": ("پ ٹ چ ڈ ڑ گ ں ک م ن ل ر س".split(), "ا و ی ے".split()),
    "cyrillic": ("б в г д ж з к л м н п р с т ш".split(), "а е и о у я ю".split()),
    "devanagari": ("क ख ग च ज त द न प ब म र ल स".split(), "ा ि ी ु े ो".split()),
    "hangul": ("가 나 다 라 마 바 사".split(), "아 자 차 카 타 파 하".split()),
}
_SCRIPT_OF = {
    "ar": "arabic", "fa": "arabic", "ur": "urdu", "ru": "cyrillic", "uk": "cyrillic", "hi": "devanagari",
    "ne": "devanagari", "ko": "hangul",
}  # fmt: skip


@cache
def vocabulary(language: str = "en") -> tuple[str, ...]:
    """Return 512 made-up words in the script of a language."""
    script = _SCRIPT_OF.get(language, "latin")
    rng, (onsets, nuclei) = Random(script), _SCRIPTS[script]
    lengths = (1, 2, 2, 3, 3, 4)

    def pick(stock: Sequence[T]) -> T:
        return stock[int(rng.random() * len(stock))]

    return tuple("".join(pick(onsets) + pick(nuclei) for _ in range(pick(lengths))) for _ in range(512))


def pick_word(rng: Random, language: str = "en") -> str:
    """Return a made-up word in the script of a language."""
    return vocabulary(language)[int(rng.random() * 512)]


def full_name(rng: Random, language: str = "en") -> str:
    """Return a made-up name as profiles show them: plain, shouted, in another script, decorated with emoji."""
    kind = rng.random()
    first, second = pick_word(rng, language), pick_word(rng, language)
    if kind < 0.5:
        return f"{first.capitalize()} {second.capitalize()}"
    if kind < 0.65:
        return first.capitalize()
    if kind < 0.75:
        return f"{first}{second}".upper()
    mark = _EMOJI[int(rng.random() * len(_EMOJI))]
    if kind < 0.9:
        return f"{first.capitalize()} {second.capitalize()} {mark}"
    return f"༻{mark} {first} | {second}༺"


def sentence(rng: Random, language: str, words: int) -> str:
    """Return a made-up text of so many words, now and then with an emoji."""
    stock = vocabulary(language)
    text = [stock[int(rng.random() * 512)] for _ in range(words)]
    if rng.random() < 0.5:
        text.append(_EMOJI[int(rng.random() * len(_EMOJI))])
    return " ".join(text)


def username(rng: Random) -> str:
    """Return a made-up handle of somebody a report mentions."""
    first, second = pick_word(rng), pick_word(rng)
    kind = rng.random()
    if kind < 0.35:
        return f"{first}{second}"
    if kind < 0.6:
        return f"{first}.{second}"
    return f"{first}_{second}{int(rng.random() * 10_000)}"


def handle_at(seed: int, index: int) -> str:
    """Return the handle of a seed's creator: a bijection of the index, so that no table of them is needed."""
    pair = ((index % PAIRS) * _factor(seed) + seed) % PAIRS
    number = index // PAIRS
    return f"{FIRSTS[pair // len(SECONDS)]}{'._'[pair % 2]}{SECONDS[pair % len(SECONDS)]}{number or ''}"


def index_of(seed: int, handle: str) -> int | None:
    """Return the index whose handle this is, or None when it is nobody's."""
    match = _HANDLE.fullmatch(handle)
    if match is None:
        return None
    first, mark, second, number = match.groups()
    try:
        pair = FIRSTS.index(first) * len(SECONDS) + SECONDS.index(second)
    except ValueError:
        return None
    if mark != "._"[pair % 2] or number.startswith("0"):
        return None
    place = ((pair - seed) * pow(_factor(seed), -1, PAIRS)) % PAIRS
    return int(number or 0) * PAIRS + place


def _factor(seed: int) -> int:
    # Odd and not a multiple of the table's size, so prime to 4,096: multiplying by it permutes the pairs.
    return (2_654_435_761 * (2 * abs(seed) + 1)) % PAIRS | 1
