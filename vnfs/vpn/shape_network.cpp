// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/shape_network.h"

namespace millrace::vpn {

void shape_network(core::Network& network) {
  for (core::Interface& interface : network.interfaces) {
    interface.function_routes = true;
    interface.function_own = true;
  }
}

}  // namespace millrace::vpn
