// SPDX-License-Identifier: BSD-3-Clause
#include "common/appliance/log.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <chrono>
#include <cstdlib>

#include <fmt/chrono.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace millrace::appliance {
namespace {

// One JSON object a line (RFC 8259), times as RFC 3339 in UTC.
class JsonFormatter final : public spdlog::formatter {
 public:
  explicit JsonFormatter(std::string appliance) : appliance_(std::move(appliance)) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto since = message.time.time_since_epoch();
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(since).count() % 1'000'000;
    const auto level = spdlog::level::to_string_view(message.level);
    boost::json::object line;
    line["time"] = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                               fmt::gmtime(spdlog::log_clock::to_time_t(message.time)), micros);
    line["level"] = boost::json::string_view(level.data(), level.size());
    line["appliance"] = appliance_;
    line["message"] = boost::json::string_view(message.payload.data(), message.payload.size());
    const std::string text = boost::json::serialize(line);
    out.append(text.data(), text.data() + text.size());
    out.push_back('\n');
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>(appliance_);
  }

 private:
  std::string appliance_;
};

// sd-daemon(3): journald takes the priority from "<N>" at the beginning of a line.
class JournalFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    constexpr std::array<char, 7> kPriority{'7', '7', '6', '4', '3', '2', '6'};
    const std::array<char, 3> prefix{'<', kPriority[static_cast<std::size_t>(message.level)], '>'};
    out.append(prefix.data(), prefix.data() + prefix.size());
    out.append(message.payload.data(), message.payload.data() + message.payload.size());
    out.push_back('\n');
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JournalFormatter>();
  }
};

}  // namespace

void set_up_log(LogFormat format, const std::string& appliance) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("millrace", sink);
  if (format == LogFormat::kJson) {
    logger->set_formatter(std::make_unique<JsonFormatter>(appliance));
  } else if (std::getenv("JOURNAL_STREAM") != nullptr) {
    logger->set_formatter(std::make_unique<JournalFormatter>());
  } else {
    logger->set_pattern("%H:%M:%S.%e %l: %v");
  }
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void set_log_level(control::LogLevel level) {
  switch (level) {
    case control::LogLevel::kTrace:
      return spdlog::set_level(spdlog::level::trace);
    case control::LogLevel::kDebug:
      return spdlog::set_level(spdlog::level::debug);
    case control::LogLevel::kInfo:
      return spdlog::set_level(spdlog::level::info);
    case control::LogLevel::kWarning:
      return spdlog::set_level(spdlog::level::warn);
    case control::LogLevel::kError:
      return spdlog::set_level(spdlog::level::err);
  }
}

void log_lines(std::span<const std::string> lines) {
  constexpr std::size_t kMost = 20;
  for (const std::string& line : lines.first(std::min(lines.size(), kMost))) spdlog::warn("{}", line);
  if (lines.size() > kMost) spdlog::warn("{} more of these are not shown", lines.size() - kMost);
}

}  // namespace millrace::appliance
