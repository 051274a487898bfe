"""From bytes to minutes: what hospitals' links make of a round's traffic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fedlab_utils.data.plain_values import make_plain
from fedlab_utils.errors import FederationError
from fedlab_utils.federated.traffic import MEGABYTE


@dataclass(frozen=True)
class Link:
    """A hospital's line to the server.

    Attributes
    ----------
    up, down
        What it carries to the server and from it, in megabits (10^6 bits) per second.
    latency
        Milliseconds until the first bit of a message arrives.

    Raises
    ------
    FederationError
        If a value is no number, a speed is not above 0, or the latency is below 0.
    """

    up: float = 10.0
    down: float = 50.0
    latency: float = 30.0

    def __post_init__(self) -> None:
        make_plain(self, FederationError)
        for name in ("up", "down"):
            if getattr(self, name) <= 0:
                cause = f"it is {getattr(self, name)}"
                raise FederationError(name, cause, "Pass megabits per second, above 0")
        if self.latency < 0:
            cause = f"it is {self.latency}"
            raise FederationError("latency", cause, "Pass milliseconds, 0 or more")

    def seconds(self, sent: float, received: float) -> float:
        """Return how long one message to the hospital and its answer take.

        Parameters
        ----------
        sent, received
            Megabytes from the server and to it.
        """
        megabits = 8 * MEGABYTE / 1e6
        return (sent / self.down + received / self.up) * megabits + 2 * self.latency / 1e3


def round_minutes(
    links: Sequence[Link],
    sent: Sequence[float],
    received: Sequence[float],
    training: Sequence[float] | None = None,
) -> float:
    """Return how long a synchronous round takes: the server waits for the slowest hospital.

    A hospital receives, trains, and sends; hospitals do so at the same time, each over its own
    link. The server's own link is taken to be wide enough for all of them.

    Parameters
    ----------
    links
        Hospitals'.
    sent, received
        Megabytes from the server to each hospital, and from each.
    training
        Seconds that each trains; none where only the traffic is wanted.

    Raises
    ------
    FederationError
        If there is no hospital, or another number of figures than of links.
    """
    training = [0.0] * len(links) if training is None else training
    counts = {len(part) for part in (links, sent, received, training)}
    if len(counts) > 1 or not links:
        raise FederationError(
            "round_minutes",
            f"there are {len(links)} links, and {len(sent)}, {len(received)} and {len(training)} "
            "figures",
            "Give each hospital a link and one figure of each kind",
        )
    ways = zip(links, sent, received, training, strict=True)
    return max(link.seconds(to, back) + work for link, to, back, work in ways) / 60
