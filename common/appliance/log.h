// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <span>
#include <string>

#include "common/control/profile/profile.h"

namespace millrace::appliance {

enum class LogFormat : std::uint8_t { kText, kJson };

// The process's log, to standard error: one line a message. Text lines carry the priority journald reads
// ("<4>") when standard error is the journal; JSON lines have time, level, appliance and message.
void set_up_log(LogFormat format, const std::string& appliance);
void set_log_level(control::LogLevel level);

// One warning each; of very many only the first.
void log_lines(std::span<const std::string> lines);

}  // namespace millrace::appliance
