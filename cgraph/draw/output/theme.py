"""Colours, fonts and sizes. Three palettes: light (safe for colour-blind readers), dark, and print (greys only).

Separate because a palette is data, checked by a test for contrast, and because the HTML player turns the same table into CSS
variables. Shape, dashes and arrow heads always say the same thing as the colour does: no meaning hangs on hue alone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

SANS = "DejaVu Sans,Verdana,sans-serif"
SERIF = "DejaVu Serif,Georgia,serif"
MONO = "DejaVu Sans Mono,Menlo,Consolas,monospace"


@dataclass(frozen=True, slots=True)
class Palette:
    """Every colour a picture uses, by what it means. `*_fill`/`*_line`: a box of that kind and its border."""

    paper: str = "#FFFFFF"
    ink: str = "#1F2933"
    muted: str = "#6B7785"
    muted_on_fill: str = "#566270"
    gradient: str = "#B04000"
    local: str = "#5B2A86"
    active: str = "#FFE08A"
    ghost: str = "#D5DAE0"
    data_fill: str = "#DDF0DA"
    data_line: str = "#3B7D3A"
    parameter_fill: str = "#FFF3D1"
    parameter_line: str = "#A87400"
    linear_fill: str = "#DFEBFA"
    linear_line: str = "#2F66A8"
    arithmetic_fill: str = "#DDF1F0"
    arithmetic_line: str = "#20767A"
    activation_fill: str = "#FBE3E1"
    activation_line: str = "#A9504B"
    loss_fill: str = "#EBE1F5"
    loss_line: str = "#6D4AA0"
    elsewhere_fill: str = "#FFFFFF"
    elsewhere_line: str = "#6B7785"
    other_fill: str = "#F1F3F5"
    other_line: str = "#6B7785"
    group_fill: str = "#FAFBFC"
    group_line: str = "#9AA5B1"
    fused_fill: str = "#F8F5FC"
    scope_fill: str = "#EEF3F9"
    scope_line: str = "#4A6A8A"
    bypassed_line: str = "#A9B2BB"
    bad_fill: str = "#FFDDE1"
    bad_line: str = "#B00020"
    after_fill: str = "#FFF0F1"
    saturated_fill: str = "#FFF6CC"
    saturated_line: str = "#8A6D00"
    changed: str = "#0A6B96"
    positive: str = "#00663D"
    negative: str = "#A8002D"

    def of(self, tone: str) -> tuple[str, str]:
        """Fill and border of a tone; unknown tones look like "other"."""
        tone = tone if hasattr(self, f"{tone}_fill") else "other"
        return getattr(self, f"{tone}_fill"), getattr(self, f"{tone}_line")

    def items(self) -> list[tuple[str, str]]:
        """(name, colour) in a fixed order."""
        return [(f.name, getattr(self, f.name)) for f in fields(self)]


LIGHT = Palette()
DARK = Palette(
    paper="#12171D", ink="#E6EAEF", muted="#9AA7B4", muted_on_fill="#B4C0CB", gradient="#FF9A5C", local="#D3B2F5",
    active="#574300", ghost="#39424C", data_fill="#1B3320", data_line="#6CBF6A", parameter_fill="#3A2F10",
    parameter_line="#E0AE3A", linear_fill="#1A2C42", linear_line="#6FA8E8", arithmetic_fill="#16302F", arithmetic_line="#5DBDB8",
    elsewhere_fill="#12171D", elsewhere_line="#94A1AE", activation_fill="#402322",
    activation_line="#E58F88", loss_fill="#30233F", loss_line="#B795E6", other_fill="#232A31", other_line="#94A1AE",
    group_fill="#171D24", group_line="#66727E", fused_fill="#1C1824", scope_fill="#1C2732", scope_line="#8DB0D2",
    bypassed_line="#6D7883", bad_fill="#4A1620", bad_line="#FF7B8E", after_fill="#2E1A1F", saturated_fill="#3B3410",
    saturated_line="#D9BC4A", changed="#5CC3EE", positive="#5FDBA7", negative="#FF9AAE",
)  # fmt: skip
PRINT = Palette(
    ink="#000000", muted="#555555", muted_on_fill="#4A4A4A", gradient="#000000", local="#222222", active="#D0D0D0",
    ghost="#CCCCCC", data_fill="#FFFFFF", data_line="#000000", parameter_fill="#F2F2F2", parameter_line="#000000",
    linear_fill="#FFFFFF", linear_line="#333333", arithmetic_fill="#FAFAFA", arithmetic_line="#333333", elsewhere_line="#777777",
    activation_fill="#F5F5F5", activation_line="#333333",
    loss_fill="#E6E6E6", loss_line="#000000", other_fill="#FFFFFF", other_line="#777777", group_fill="#FFFFFF",
    group_line="#888888", fused_fill="#FAFAFA", scope_fill="#F5F5F5", scope_line="#333333", bypassed_line="#AAAAAA",
    bad_fill="#DDDDDD", bad_line="#000000", after_fill="#F2F2F2", saturated_fill="#F7F7F7", saturated_line="#444444",
    changed="#000000", positive="#000000", negative="#4D4D4D",
)  # fmt: skip
PALETTES = {"light": LIGHT, "dark": DARK, "print": PRINT}
