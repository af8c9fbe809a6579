// SPDX-License-Identifier: BSD-3-Clause
// The life of an appliance's process: command line, log, signals, control socket.
#pragma once

#include "common/appliance/vnf.h"

namespace millrace::appliance {

// Exit status 0 after a clean end, 1 when it could not start or had to end, 2 for a bad command line or
// profile.
[[nodiscard]] int run(Vnf& vnf, int argc, char** argv);

template <class Function>
[[nodiscard]] int run(int argc, char** argv) {
  Function vnf;
  return run(vnf, argc, argv);
}

}  // namespace millrace::appliance
