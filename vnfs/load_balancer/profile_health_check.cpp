// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "common/base/result.h"
#include "common/control/profile/text.h"
#include "vnfs/load_balancer/profile_check.h"

namespace millrace::load_balancer::profile {
namespace {

using control::quote;

constexpr std::size_t kMostCertificates = 4U << 20U;  // bytes
constexpr std::size_t kMostBackendFile = 4U << 20U;

using File = Located<std::optional<std::string>>;

// Sets of types, a bit for each.
constexpr unsigned bit(CheckType type) noexcept { return 1U << static_cast<unsigned>(type); }
constexpr unsigned kHttpTypes = bit(CheckType::kHttp) | bit(CheckType::kHttps);
constexpr unsigned kPortTypes =
    kHttpTypes | bit(CheckType::kTcp) | bit(CheckType::kUdp) | bit(CheckType::kDns);

constexpr std::array<std::string_view, 7> kTypes = {"tcp", "http", "https", "udp", "dns", "icmp", "script"};

constexpr std::string_view name_of_type(CheckType type) noexcept {
  return kTypes[static_cast<std::size_t>(type)];
}

class HealthChecker {
 public:
  explicit HealthChecker(const control::CheckContext& context) : context_(context) {}

  void run(Service& service) {
    if (service.discover) check_discovery(*service.discover);
    if (service.passive) check_passive(*service.passive);
    if (service.health) check_health(service, *service.health);
  }

 private:
  void error(Position at, std::string message) { context_.diagnostics.error(at, std::move(message)); }

  // False, after an error, when the file may not be named.
  bool resolve(File& file) {
    auto path = context_.resolve(*file.value);
    if (path) {
      file.value = std::move(*path);
    } else {
      error(file.at, path.error().message());
    }
    return path.has_value();
  }

  void check_discovery(Discovery& discover) {
    if (!discover.file.value && !discover.dns.value) {
      return error(discover.at, "discover has nowhere to look; give file or dns");
    }
    if (!discover.file.value || !resolve(discover.file)) return;
    if (const auto text = control::read_text_file(*discover.file.value, kMostBackendFile); !text) {
      error(discover.file.at,
            fmt::format("{}; give the path of a text file with a backend per line", text.error().message()));
    }
  }

  void check_passive(PassiveHealth& passive) {
    if (*passive.longest >= passive.eject) return;
    if (passive.longest.at.known()) {
      error(passive.longest.at, fmt::format("longest is less than eject, which is {}; give at least that",
                                            control::print_duration(passive.eject)));
    }
    passive.longest.value = passive.eject;
  }

  void check_health(const Service& service, Health& health) {
    if (*health.timeout > health.interval) {
      if (health.timeout.at.known()) {
        error(health.timeout.at, fmt::format("timeout is more than interval, which is {}; give at most that",
                                             control::print_duration(health.interval)));
      }
      health.timeout.value = health.interval;
    }
    check_keys(health);
    check_port(service, health);
    // What is of another type has had its error.
    if ((kHttpTypes & bit(*health.type)) != 0) check_http(health);
    if (*health.type == CheckType::kHttps) check_certificates(health);
    if (*health.type == CheckType::kScript && health.command.value) check_program(health.command);
  }

  void check_keys(const Health& health) {
    const CheckType type = *health.type;
    struct Key {
      std::string_view name;
      Position at;
      unsigned types;
      std::string_view belongs;
    };
    const std::array keys = {
        Key{"port", health.port.at, kPortTypes | bit(CheckType::kScript), "a check of a port"},
        Key{"path", health.path.at, kHttpTypes, "http and https"},
        Key{"host", health.host.at, kHttpTypes, "http and https"},
        Key{"expect", health.expect.empty() ? Position{} : health.expect.front().at, kHttpTypes,
            "http and https"},
        Key{"body", health.body.at, kHttpTypes, "http and https"},
        Key{"server_name", health.server_name.at, bit(CheckType::kHttps), "https"},
        Key{"ca", health.ca.at, bit(CheckType::kHttps), "https"},
        Key{"verify", health.verify.at, bit(CheckType::kHttps), "https"},
        Key{"send", health.send.at, bit(CheckType::kUdp), "udp"},
        Key{"receive", health.receive.at, bit(CheckType::kUdp), "udp"},
        Key{"name", health.name.at, bit(CheckType::kDns), "dns"},
        Key{"command", health.command.at, bit(CheckType::kScript), "script"},
    };
    for (const Key& key : keys) {
      if (!key.at.known() || (key.types & bit(type)) != 0) continue;
      error(key.at, fmt::format("{} is of {}, and the check's type is {}; remove it, or give another type",
                                key.name, key.belongs, name_of_type(type)));
    }
    const auto need = [&](CheckType of, const File& value, std::string_view key) {
      if (type != of || value.value) return;
      error(health.type.at, fmt::format("type {} needs {}; give it", name_of_type(of), key));
    };
    need(CheckType::kUdp, health.send, "send");
    need(CheckType::kDns, health.name, "name");
    need(CheckType::kScript, health.command, "command");
  }

  // A backend without a port is asked at the first of the service.
  void check_port(const Service& service, const Health& health) {
    if ((kPortTypes & bit(*health.type)) == 0 || health.port.value ||
        std::ranges::any_of(service.ports, [](const auto& one) { return !one->all(); })) {
      return;
    }
    if (!service.discover && std::ranges::all_of(service.backends, [](const Backend& one) {
          return one.port.value.has_value();
        })) {
      return;
    }
    error(health.at,
          "the service names no port, and nothing says which one is checked; give port, or type: icmp");
  }

  void check_http(const Health& health) {
    if (health.path.value && (!health.path.value->starts_with('/') || has_space(*health.path.value))) {
      error(health.path.at,
            fmt::format("{} is no path of HTTP; give one that begins with '/' and has no space",
                        quote(*health.path.value)));
    }
    if (health.host.value && has_space(*health.host.value)) {
      error(health.host.at,
            fmt::format("{} is no host of HTTP; give a name without a space", quote(*health.host.value)));
    }
  }

  static bool has_space(std::string_view text) { return text.find(' ') != std::string_view::npos; }

  void check_certificates(Health& health) {
    File& ca = health.ca;
    if (!ca.value) return;
    if (!*health.verify) {
      return error(ca.at, "verify is false, and no certificate is compared with ca; remove one of them");
    }
    if (!resolve(ca)) return;
    const auto text = control::read_text_file(*ca.value, kMostCertificates);
    if (!text) {
      error(ca.at, fmt::format("{}; give the path of a file of certificates", text.error().message()));
    } else if (text->find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
      error(ca.at, fmt::format("{} has no certificate in PEM; give a file that has one", quote(*ca.value)));
    }
  }

  void check_program(File& command) {
    if (!resolve(command)) return;
    std::error_code failed;
    const bool file = std::filesystem::is_regular_file(*command.value, failed);
    if (file && ::access(command.value->c_str(), X_OK) == 0) return;
    const std::string why = file     ? errno_text(errno)
                            : failed ? failed.message()
                                     : std::string("it is not a regular file");
    error(command.at,
          fmt::format("cannot run {}: {}; give the path of a program", quote(*command.value), why));
  }

  const control::CheckContext& context_;
};

}  // namespace

void check_health(Section& profile, const control::CheckContext& context) {
  HealthChecker checker(context);
  for (Service& service : profile.services) {
    if (service.complete) checker.run(service);
  }
}

}  // namespace millrace::load_balancer::profile
