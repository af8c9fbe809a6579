// SPDX-License-Identifier: BSD-3-Clause
// What is known of a session's application, for people. Control side.
#pragma once

#include <string>

#include "vnfs/firewall/session.h"

namespace millrace::firewall {

// "tls", "tls/youtube", "other", "undecided"; empty when no rule asked.
[[nodiscard]] std::string application_text(Naming naming, dpi::Application named);
[[nodiscard]] inline std::string application_text(const Session& session) {
  return application_text(session.naming, session.named());
}

}  // namespace millrace::firewall
