# SPDX-License-Identifier: BSD-3-Clause
"""The highest rate at which a device loses no more than is allowed (RFC 2544 section 26.1), by binary search with loss
verification (ETSI GS NFV-TST 009 section 12.3.3, which RFC 9004 section 6.2 recommends): on a shared machine a trial
may lose packets for reasons that have nothing to do with the rate, so one that lost is repeated, and the best counts.
"""

REPEATS = 3              # trials of a rate before it counts as too high
HOPELESS = 0.01          # not repeated when more than this part of the packets was lost
LATE = 0.05              # the generator did not reach the rate when it had to leave out more than this part


class Search:
    """Trials of one kind of traffic, kept: what one allowed loss has found out serves the next."""

    def __init__(self, trial, resolution):
        """trial(rate): offers so many packets per second, 0 for as many as can be, and returns a dict as the traffic
        generator does. resolution: of the result, as a part of what comes through when all is offered that can be."""
        self.trial = trial
        self.rates = {}   # rate asked for -> losses seen
        self.reached = {}  # rate asked for -> rate offered
        self.trials = 0
        overload = self._run(0)
        self.ceiling = overload["offered"] / overload["seconds"]
        self.overload = overload["received"] / overload["seconds"]  # forwarded at the generator's best
        self.width = resolution * (self.overload or self.ceiling)
        self.rates[self.ceiling] = [loss(overload)]
        self.reached[self.ceiling] = self.ceiling

    def highest(self, allowed):
        """(packets per second really offered with no more than `allowed` lost, whether it was the generator that could
        do no more). 0 when every rate lost more."""
        lower, upper = self._known(allowed)
        step = 2 * self.width
        # From where it is likely to be in growing steps, until there is a good rate and a bad one; then by halves.
        rate = min(self.overload, upper - step) if lower == 0 else lower + step
        while upper - lower > self.width:
            if (lower > 0 and upper < self.ceiling) or not lower < rate < upper:
                rate = (lower + upper) / 2
            if self._passes(rate, allowed):
                lower = rate
                rate += step
            else:
                upper = rate
                rate -= step
            step *= 2
        reached = self.reached.get(lower, 0)
        return reached, reached == self.ceiling or reached < (1 - LATE) * lower

    def _known(self, allowed):
        """The highest rate known to be good below all that are known to be bad, and the lowest of those."""
        if min(self.rates[self.ceiling]) <= allowed:
            return self.ceiling, self.ceiling
        upper = min((rate for rate in self.rates if self._failed(rate, allowed)), default=self.ceiling)
        lower = max((rate for rate in self.rates if rate < upper and min(self.rates[rate]) <= allowed), default=0)
        return lower, upper

    def _failed(self, rate, allowed):
        losses = self.rates[rate]
        return min(losses) > allowed and (len(losses) >= REPEATS or min(losses) > HOPELESS)

    def _passes(self, rate, allowed):
        losses = self.rates.setdefault(rate, [])
        while not losses or (min(losses) > allowed and not self._failed(rate, allowed)):
            result = self._run(rate)
            losses.append(loss(result))
            self.reached[rate] = min(rate, result["offered"] / result["seconds"])
        return min(losses) <= allowed

    def _run(self, rate):
        self.trials += 1
        return self.trial(rate)


def loss(result):
    return 1 - result["received"] / result["offered"] if result["offered"] else 0.0
