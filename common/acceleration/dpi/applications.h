// SPDX-License-Identifier: BSD-3-Clause
// The applications that can be told apart, by the names that rules have for them. Control thread, but for
// what is noexcept.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace::dpi {

// A protocol (tls) or a service that people reach by one (youtube). The numbers are those of the library that
// finds them, and good within one process.
enum class ApplicationId : std::uint16_t { kUnknown = 0 };

// What a session is: tls, and youtube when that is known as well.
struct Application {
  ApplicationId protocol = ApplicationId::kUnknown;
  ApplicationId service = ApplicationId::kUnknown;

  bool operator==(const Application&) const noexcept = default;
};

// Whether a rule for `wanted` is for what was found. Nothing is kUnknown's.
[[nodiscard]] constexpr bool matches(Application found, ApplicationId wanted) noexcept {
  return wanted != ApplicationId::kUnknown && (found.protocol == wanted || found.service == wanted);
}

// "tls", "youtube", "google_maps"; "unknown" for a number that is nobody's.
[[nodiscard]] std::string_view application_name(ApplicationId id);
// "tls", "tls/youtube", "unknown".
[[nodiscard]] std::string application_text(Application found);
// In upper or lower case, with - or _. Nothing for "unknown".
[[nodiscard]] std::optional<ApplicationId> application_named(std::string_view name);
// Every name, in the order of the alphabet.
[[nodiscard]] std::span<const std::string> application_names();

}  // namespace millrace::dpi
