#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The search against devices made up here, whose limit is known beforehand."""

import random
import sys
import unittest

sys.dont_write_bytecode = True
from rate_search import HOPELESS, REPEATS, Search  # noqa: E402

GENERATOR = 10e6


class Made:
    """A device that forwards `limit` packets per second and loses the rest, behind a generator with a limit too."""

    def __init__(self, limit, generator=GENERATOR, hiccup=0.0, lost_always=0.0, seed=1):
        self.limit = limit
        self.generator = generator
        self.hiccup = hiccup            # how likely a trial is disturbed, by which it loses one packet in a thousand
        self.lost_always = lost_always  # a part that is lost at any rate
        self.random = random.Random(seed)
        self.rates = []

    def trial(self, rate):
        self.rates.append(rate)
        offered = min(rate or self.generator, self.generator)
        received = min(offered, self.limit) * (1 - self.lost_always)
        if self.random.random() < self.hiccup:
            received *= 0.999
        return {"offered": round(offered), "received": round(received), "seconds": 1.0}


class RateSearch(unittest.TestCase):
    def test_finds_the_limit_wherever_it_is(self):
        for limit in (0.3e6, 1e6, 3.33e6, 5e6, 7.77e6, 9.8e6):
            for resolution in (0.01, 0.02):
                with self.subTest(limit=limit, resolution=resolution):
                    device = Made(limit)
                    found, by_generator = Search(device.trial, resolution).highest(0)
                    self.assertLessEqual(found, limit)
                    self.assertGreaterEqual(found, limit - resolution * limit)
                    self.assertFalse(by_generator)
                    self.assertLess(len(device.rates), 30)

    def test_a_device_that_the_generator_can_not_fill(self):
        device = Made(limit=20e6)
        self.assertEqual(Search(device.trial, 0.01).highest(0), (GENERATOR, True))
        self.assertEqual(device.rates, [0])

    def test_a_generator_that_falls_behind_what_it_is_asked_for(self):
        def trial(rate):
            # All it can: more than when nothing is refused.
            offered = 10e6 if rate == 0 else min(rate, 7e6)
            return {"offered": offered, "received": min(offered, 7.5e6), "seconds": 1.0}
        found, by_generator = Search(trial, 0.01).highest(0)
        self.assertEqual((found, by_generator), (7e6, True))

    def test_allowed_loss(self):
        """At rate r it loses 1 - limit/r: 0.1 % are lost at limit / 0.999."""
        device = Made(limit=5e6)
        search = Search(device.trial, 0.0001)
        for allowed in (0.001, 0.00001, 0):
            found, _ = search.highest(allowed)
            best = 5e6 / (1 - allowed)
            self.assertLessEqual(found, best + 1)
            self.assertGreaterEqual(found, best - 0.0001 * 5e6)

    def test_one_allowed_loss_learns_from_another(self):
        device = Made(limit=5e6)
        search = Search(device.trial, 0.01)
        search.highest(0.001)
        before = len(device.rates)
        search.highest(0)
        self.assertLessEqual(len(device.rates) - before, REPEATS)

    def test_disturbed_trials_are_repeated(self):
        for seed in range(20):
            device = Made(limit=5e6, hiccup=0.2, seed=seed)
            found, _ = Search(device.trial, 0.01).highest(0)
            self.assertLessEqual(found, 5e6)
            # All three trials of a rate are disturbed once in 125 rates.
            self.assertGreaterEqual(found, 0.85 * 5e6, seed)

    def test_hopeless_rates_are_not_repeated(self):
        device = Made(limit=5e6)
        Search(device.trial, 0.01).highest(0)
        for rate in set(device.rates):
            if rate == 0 or 1 - 5e6 / rate > HOPELESS:
                self.assertEqual(device.rates.count(rate), 1)

    def test_a_device_that_always_loses(self):
        device = Made(limit=5e6, lost_always=0.0005)
        search = Search(device.trial, 0.01)
        self.assertGreater(search.highest(0.001)[0], 4.5e6)
        self.assertEqual(search.highest(0), (0, False))
        self.assertLess(len(device.rates), 60)

    def test_a_device_that_is_dead(self):
        device = Made(limit=0)
        self.assertEqual(Search(device.trial, 0.01).highest(0.001), (0, False))
        self.assertLess(len(device.rates), 30)


if __name__ == "__main__":
    unittest.main()
