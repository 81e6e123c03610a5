"""What can be asked of a drawing, in one record with its defaults.

Separate so that `draw`, `frames`, `animate`, the gallery and the command line share one list of options and one set of checks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace
from numbers import Integral
from typing import Any, Literal

from cgraph.draw.model.diagram import Picture
from cgraph.draw.model.text import clean
from cgraph.errors import DrawError
from cgraph.node import Node

VIEWS = ("auto", "cards", "expanded", "layers", "collapsed", "neuron", "health")
DETAILS = ("full", "compact", "tight")  # of cards with their numbers inside, from much to little
THEMES = ("auto", "cards", "circles", "light", "dark", "print")


@dataclass(frozen=True, slots=True)
class Options:
    """Every option of `cg.draw`; see there for what they mean."""

    view: str = "auto"
    theme: str = "auto"
    direction: str = "auto"
    values: bool = True
    grads: bool | Literal["auto"] = "auto"
    locals: bool = True
    shapes: bool | Literal["auto"] = "auto"
    dtypes: bool | Literal["auto"] = "auto"
    formulas: bool = True
    broadcasts: bool = False
    bypass: bool | Literal["auto"] = "auto"
    precision: int = 3
    title: str | None = None
    caption: str | None = None
    legend: bool = True
    collapse: int | Literal["auto"] | None = "auto"
    force: bool = False
    numbers: str = "auto"
    detail: str = "auto"
    elsewhere: Collection[Node] = ()
    style: Callable[..., Any] | None = None

    @classmethod
    def of(cls, given: dict[str, Any]) -> Options:
        """Options from keyword arguments, or one clear error.

        Raises:
            DrawError: for an option or a value that does not exist.
        """
        known = {f.name for f in fields(cls)}
        if wrong := sorted(set(given) - known):
            raise DrawError(
                f"no such option of draw: {', '.join(wrong)}; there are {', '.join(sorted(known))}"
            )
        options = cls(**given)
        if options.view not in VIEWS:
            raise DrawError(f"view={options.view!r}: there are {', '.join(VIEWS)}")
        if not isinstance(options.theme, str):
            raise DrawError(f"theme={options.theme!r}: a text such as 'circles dark'")
        for word in options.words:
            if word not in THEMES:
                raise DrawError(
                    f"theme={options.theme!r}: there are {', '.join(THEMES)} (two may be joined: 'circles dark')"
                )
        if options.numbers not in ("auto", "arrows", "boxes"):
            raise DrawError(f"numbers={options.numbers!r}: there are auto, arrows, boxes")
        if options.detail not in ("auto", *DETAILS):
            raise DrawError(f"detail={options.detail!r}: there are auto, {', '.join(DETAILS)}")
        if options.direction not in ("auto", "LR", "TB"):
            raise DrawError(f"direction={options.direction!r}: there are auto, LR, TB")
        if not isinstance(options.precision, Integral) or not 0 <= options.precision <= 17:
            raise DrawError(f"precision={options.precision!r}: a whole number of decimals, 0 to 17")
        if not isinstance(options.elsewhere, list | tuple | set | frozenset):
            raise DrawError(f"elsewhere={options.elsewhere!r}: a list of nodes")
        if options.style is not None and not callable(options.style):
            raise DrawError(f"style={options.style!r}: a function of each Box or Arrow")
        if not (options.collapse in ("auto", None) or isinstance(options.collapse, int)):
            raise DrawError(
                f"collapse={options.collapse!r}: a number of boxes, 'auto', or None for never"
            )
        words = {"title": options.title, "caption": options.caption}
        return replace(
            options,
            elsewhere=frozenset(options.elsewhere),
            **{key: _printable(key, value) for key, value in words.items() if value is not None},
        )

    def headed(self, picture: Picture, title: str, caption: str) -> Picture:
        """A picture with title and caption: those that the user wants, else these."""
        title = self.title if self.title is not None else title
        caption = self.caption if self.caption is not None else caption
        return replace(picture, title=title, caption=caption)

    @property
    def words(self) -> list[str]:
        return self.theme.replace("+", " ").replace(",", " ").split()

    @property
    def palette(self) -> str:
        return next((w for w in self.words if w in ("dark", "print")), "light")


def _printable(key: str, words: Any) -> str:
    """Lines of text without what no picture can hold, such as control characters."""
    if not isinstance(words, str):
        raise DrawError(f"{key}={words!r}: a text")
    return "\n".join(clean(line, 2000) for line in words.split("\n"))
