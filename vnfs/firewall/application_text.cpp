// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/application_text.h"

namespace millrace::firewall {

std::string application_text(Naming naming, dpi::Application named) {
  switch (naming) {
    case Naming::kNone:
      return {};
    case Naming::kUndecided:
      return "undecided";
    case Naming::kOther:
      return "other";
    case Naming::kNamed:
      break;
  }
  return dpi::application_text(named);
}

}  // namespace millrace::firewall
