// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/remote.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>

#include <fmt/format.h>

#include "common/control/vnfctl/failure.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/style.h"
#include "common/http/target.h"

namespace millrace::vnfctl {
namespace {

boost::json::value as_json(const http::Response& response) {
  auto value = http::parse_json(response.body);
  if (!value) throw Failure(kUnreachable, "the answer is not JSON: " + value.error().message());
  return std::move(*value);
}

bool is_success(const http::Response& response) { return response.status / 100 == 2; }

}  // namespace

std::filesystem::path find_socket(const std::string& given, const std::filesystem::path& folder) {
  if (!given.empty()) return given;
  if (const char* variable = std::getenv("MILLRACE_CONTROL"); variable != nullptr && *variable != '\0') {
    return variable;
  }
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    std::error_code gone;
    if (entry.path().extension() == ".sock" && entry.is_socket(gone)) found.push_back(entry.path());
  }
  if (found.empty()) {
    throw Failure(kUnreachable,
                  fmt::format("no appliance's socket in {}; is one running? else give --control SOCKET",
                              folder.string()));
  }
  if (found.size() > 1) {
    std::ranges::sort(found);
    std::string message = "several appliances run here; choose one with --control:";
    for (const auto& path : found) message += "\n  " + path.string();
    throw Failure(kUsage, message);
  }
  return found.front();
}

std::string query_text(const Query& query) {
  std::string text;
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    text += fmt::format("{}{}={}", text.empty() ? '?' : '&', name, http::percent_encode(value));
  }
  return text;
}

std::string problem_text(const http::Response& response) {
  const auto value = http::parse_json(response.body);
  if (!value || !value->is_object()) {
    return fmt::format("the appliance answers {} {}", response.status, http::reason_phrase(response.status));
  }
  const boost::json::array& errors = array_at(*value, "errors");
  if (errors.empty()) return printable(text_at(*value, "detail"));
  std::string text;
  for (const auto& error : errors) {
    std::string line = text_at(error, "file");
    if (find(error, "line") != nullptr) {
      line += fmt::format(":{}:{}", text_at(error, "line"), text_at(error, "column"));
    }
    text += fmt::format("{}{}: {}", text.empty() ? "" : "\n", printable(line),
                        printable(text_at(error, "message")));
  }
  return text;
}

Remote::Remote(const std::filesystem::path& socket, std::chrono::milliseconds timeout)
    : socket_(socket), client_(http::Client::unix_socket(socket, {.timeout = timeout})) {}

http::Response Remote::ask(const http::Call& call) {
  auto response = client_.request(call);
  if (!response)
    throw Failure(kUnreachable, fmt::format("{}: {}", socket_.string(), response.error().message()));
  return std::move(*response);
}

http::Response Remote::checked(const http::Call& call) {
  http::Response response = ask(call);
  if (!is_success(response)) throw Failure(kRefused, problem_text(response));
  return response;
}

boost::json::value Remote::get(const std::string& target) { return call(http::Method::kGet, target); }

std::string Remote::get_text(const std::string& target) { return call_text(http::Method::kGet, target, {}); }

std::optional<boost::json::value> Remote::get_if_there(const std::string& target) {
  const http::Response response =
      ask({.method = http::Method::kGet, .target = target, .headers = {}, .body = {}});
  if (response.status == 404) return std::nullopt;
  if (!is_success(response)) throw Failure(kRefused, problem_text(response));
  return as_json(response);
}

boost::json::value Remote::call(http::Method method, const std::string& target, std::string body,
                                std::string_view content_type) {
  http::Call call{.method = method, .target = target, .headers = {}, .body = std::move(body)};
  if (!content_type.empty()) call.headers.set("Content-Type", content_type);
  return as_json(checked(call));
}

std::string Remote::call_text(http::Method method, const std::string& target, std::string body) {
  return checked({.method = method, .target = target, .headers = {}, .body = std::move(body)}).body;
}

void Remote::stream(const std::string& target, const http::Client::OnPiece& on_piece) {
  const auto response =
      client_.stream({.method = http::Method::kGet, .target = target, .headers = {}, .body = {}}, on_piece);
  if (!response)
    throw Failure(kUnreachable, fmt::format("{}: {}", socket_.string(), response.error().message()));
  if (!is_success(*response)) throw Failure(kRefused, problem_text(*response));
}

const std::string& Remote::vnf() {
  if (vnf_.empty()) vnf_ = text_at(get("/v1"), "vnf");
  return vnf_;
}

}  // namespace millrace::vnfctl
