// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace millrace::benchmark {

// A worker on its own thread forwards as fast as it is fed, for a while with the policy as it is and for a
// while with another one published every 10 ms; prints the longest iteration of its loop in both, and what
// got lost.
void measure_policy_swap(double seconds);

}  // namespace millrace::benchmark
