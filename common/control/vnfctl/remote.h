// SPDX-License-Identifier: BSD-3-Clause
// The appliance at the other end of the control socket.
#pragma once

#include <boost/json/fwd.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/http/client.h"

namespace millrace::vnfctl {

// What was given, else $MILLRACE_CONTROL, else the one *.sock in `folder`. Failure: kUnreachable when there
// is none, kUsage, naming them, when there are several.
[[nodiscard]] std::filesystem::path find_socket(const std::string& given,
                                                const std::filesystem::path& folder = "/run/millrace");

// "?a=1&b=x%2Fy"; empty for none. Parameters with an empty value are left out.
using Query = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] std::string query_text(const Query& query);

// What a problem+json answer says, one line for each error: "fw.yaml:3:7: what is wrong".
[[nodiscard]] std::string problem_text(const http::Response& response);

// Every call throws Failure: kUnreachable without an answer, kRefused for a status other than 2xx.
class Remote {
 public:
  explicit Remote(const std::filesystem::path& socket,
                  std::chrono::milliseconds timeout = std::chrono::seconds(30));

  [[nodiscard]] boost::json::value get(const std::string& target);
  [[nodiscard]] std::string get_text(const std::string& target);
  // Nothing for 404: this appliance does not have it.
  [[nodiscard]] std::optional<boost::json::value> get_if_there(const std::string& target);
  [[nodiscard]] boost::json::value call(http::Method method, const std::string& target, std::string body = {},
                                        std::string_view content_type = {});
  [[nodiscard]] std::string call_text(http::Method method, const std::string& target, std::string body);
  // Any status is an answer.
  [[nodiscard]] http::Response ask(const http::Call& call);
  void stream(const std::string& target, const http::Client::OnPiece& on_piece);

  // "firewall"; asked once.
  [[nodiscard]] const std::string& vnf();

 private:
  http::Response checked(const http::Call& call);

  std::filesystem::path socket_;
  http::Client client_;
  std::string vnf_;
};

}  // namespace millrace::vnfctl
