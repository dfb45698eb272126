"""Learning rates over the course of a training."""

from typing import Iterable

from spacy.util import registry
from thinc.api import slanted_triangular

NAME = "spacy-relext.slanted_triangular.v1"


@registry.schedules("spacy-relext.slanted_triangular.v1")
def create_slanted_triangular(
    max_rate: float, num_steps: int, cut_frac: float = 0.1, ratio: float = 32.0
) -> Iterable[float]:
    """A learning rate that rises in a short line and falls in a long one, and stays
    at its lowest after that. Thinc's slanted_triangular.v1 falls on below zero.

    Howard & Ruder 2018, "Universal Language Model Fine-tuning for Text
    Classification", equation 3, with the updates counted from 1. As it rounds the
    number of updates of the rise down, the fall can end shortly before `num_steps`.

    max_rate (float): The highest learning rate.
    num_steps (int): The number of updates from the first to the end of the fall.
    cut_frac (float): The fraction of them in which the rate rises, between 0 and 1.
    ratio (float): How many times the lowest rate goes into the highest.
    YIELDS (float): The learning rate of the next update, without end.
    RAISES (ValueError): Where an option is out of its range, or leaves no update to
        rise in.
    """
    if not max_rate > 0:
        raise ValueError(f"{NAME}: max_rate must be above 0, found: {max_rate}")
    if not 0 < cut_frac < 1:
        raise ValueError(f"{NAME}: cut_frac must lie between 0 and 1, found: {cut_frac}")
    if not ratio >= 1:
        raise ValueError(f"{NAME}: ratio must be at least 1, found: {ratio}")
    if int(num_steps * cut_frac) < 1:
        raise ValueError(
            f"{NAME}: num_steps must be at least 1 / cut_frac, which is "
            f"{1 / cut_frac:g}, found: {num_steps}"
        )
    rates = slanted_triangular(max_rate, num_steps, cut_frac=cut_frac, ratio=ratio)
    return (max(max_rate / ratio, rate) for rate in rates)
