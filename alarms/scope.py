"""Say what an identity may see: everything, a region and all below it, or one enterprise."""

from dataclasses import dataclass
from typing import Final

from alarms.plant import prefix_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A scope code, resolved: at most one of `region` (a prefix) and `enterprise` (exact) is set.

    With neither set everything is seen, the system's own alarms included. `home` is the code of the
    region in which an enterprise lies, where it is known.
    """

    code: str
    region: str | None = None
    enterprise: str | None = None
    home: str | None = None

    def __post_init__(self) -> None:
        if self.region is not None and self.enterprise is not None:
            raise ValueError("a scope is a region or an enterprise, not both")
        if self.region == "" or self.enterprise == "":
            raise ValueError("an empty code would cover everything; say `all`")

    @property
    def everything(self) -> bool:
        """Tell whether nothing at all is hidden."""
        return self.region is None and self.enterprise is None

    def covers(self, region: str | None, enterprise: str | None) -> bool:
        """Tell whether a thing of this region and enterprise may be seen; the system's are None."""
        if self.enterprise is not None:
            return enterprise == self.enterprise
        if self.region is not None:
            return region is not None and region.startswith(self.region)
        return True

    def lies_in(self, area: str) -> bool:
        """Tell whether the whole scope lies in a region: what is issued there is meant for it."""
        place = self._place
        return place is not None and place.startswith(prefix_of(area))

    def around(self) -> list[str]:
        """Return every code that a region in which the whole scope lies can have."""
        place = self._place or ""
        cuts = [place[:length] for length in range(2, len(place) + 1)]
        return cuts + [cut.ljust(6, "0") for cut in cuts if len(cut) in (2, 4)]

    @property
    def _place(self) -> str | None:
        return self.home if self.enterprise is not None else self.region

    def concerns(self, region: str) -> bool:
        """Tell whether what holds for a region holds within this scope, or for some of it."""
        its = prefix_of(region)
        if self.region is None:
            return self.everything
        return its.startswith(self.region) or self.region.startswith(its)


ALL: Final = Scope(code="all")


def looks_like_region(code: str) -> bool:
    """Tell whether a code is written as a GB/T 2260 division, whole or cut at its level."""
    return code.isascii() and code.isdigit() and len(code) in (2, 4, 6)


def of_region(code: str) -> Scope:
    """Return the scope of a division, a park or a zone, and of everything below it."""
    return Scope(code=code, region=prefix_of(code))


def of_enterprise(code: str, *, home: str | None = None) -> Scope:
    """Return the scope of one enterprise, which lies in the region `home`."""
    return Scope(code=code, enterprise=code, home=home)
