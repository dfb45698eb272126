"""The slanted triangular learning rate."""

from itertools import islice

import pytest
from spacy.util import registry
from thinc.api import Optimizer, slanted_triangular

from spacy_relext.transfer.schedules import create_slanted_triangular

NAME = "spacy-relext.slanted_triangular.v1"


def get_rates(n, **options):
    return list(islice(create_slanted_triangular(**options), n))


def test_values_of_the_formula():
    # Worked by hand: cut = 2, and p = 1/2, 1, 7/8, 6/8 ... 0.
    rates = get_rates(10, max_rate=8.0, num_steps=10, cut_frac=0.2, ratio=4)
    assert rates == pytest.approx([5, 8, 7.25, 6.5, 5.75, 5, 4.25, 3.5, 2.75, 2])


@pytest.mark.parametrize("ratio", [1, 20.5, 32])
@pytest.mark.parametrize("num_steps, cut_frac", [(10, 0.1), (200, 0.1), (60, 0.25)])
def test_is_thincs_up_to_the_last_step(num_steps, cut_frac, ratio):
    options = {"num_steps": num_steps, "cut_frac": cut_frac, "ratio": ratio}
    expected = list(islice(slanted_triangular(0.01, **options), num_steps))
    assert get_rates(num_steps, max_rate=0.01, **options) == pytest.approx(expected)


# 15 * 0.1 is not a whole number: the formula comes to its end at 10, not at 15.
@pytest.mark.parametrize("num_steps, end", [(20, 20), (200, 200), (15, 10)])
def test_stays_at_the_lowest(num_steps, end):
    rates = get_rates(2 * num_steps + 5, max_rate=0.64, num_steps=num_steps)
    assert max(rates) == rates[num_steps // 10 - 1] == pytest.approx(0.64)
    assert rates[end - 2] > 0.0201
    assert rates[end - 1 :] == pytest.approx([0.02] * len(rates[end - 1 :]))


def test_drives_an_optimizer():
    config = {"@schedules": NAME, "max_rate": 8.0, "num_steps": 10, "cut_frac": 0.2}
    learn_rate = {**config, "ratio": 4}
    optimizer = registry.resolve(
        {"optimizer": {"@optimizers": "Adam.v1", "learn_rate": learn_rate}}
    )["optimizer"]
    assert isinstance(optimizer, Optimizer)
    rates = [optimizer.learn_rate]
    for _ in range(11):
        optimizer.step_schedules()
        rates.append(optimizer.learn_rate)
    assert rates[:3] == pytest.approx([5, 8, 7.25])
    assert rates[9:] == pytest.approx([2, 2, 2])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"max_rate": 0}, "max_rate must be above 0, found: 0"),
        ({"cut_frac": 0.0}, "cut_frac must lie between 0 and 1, found: 0.0"),
        ({"cut_frac": 1.0}, "cut_frac must lie between 0 and 1, found: 1.0"),
        ({"ratio": 0.5}, "ratio must be at least 1, found: 0.5"),
        ({"num_steps": 9}, "num_steps must be at least 1 / cut_frac.* 10, found: 9"),
    ],
)
def test_wrong_options(options, message):
    """At once, and not where the first rate is asked for."""
    with pytest.raises(ValueError, match=f"{NAME}: {message}"):
        create_slanted_triangular(**{"max_rate": 0.01, "num_steps": 100, **options})
