// SPDX-License-Identifier: BSD-3-Clause
#include "common/http/message.h"

#include <array>
#include <boost/beast/http/status.hpp>
#include <boost/json.hpp>
#include <utility>

#include <fmt/format.h>

namespace millrace::http {
namespace {

constexpr std::array<std::pair<Method, std::string_view>, 7> kMethods{{
    {Method::kGet, "GET"},
    {Method::kHead, "HEAD"},
    {Method::kPost, "POST"},
    {Method::kPut, "PUT"},
    {Method::kPatch, "PATCH"},
    {Method::kDelete, "DELETE"},
    {Method::kOptions, "OPTIONS"},
}};

}  // namespace

std::string_view to_string(Method method) noexcept {
  for (const auto& [known, name] : kMethods) {
    if (known == method) return name;
  }
  return "";
}

std::optional<Method> parse_method(std::string_view name) noexcept {
  for (const auto& [method, known] : kMethods) {
    if (known == name) return method;
  }
  return std::nullopt;
}

Response Response::empty(unsigned status) {
  Response response;
  response.status = status;
  return response;
}

Response Response::text(unsigned status, std::string body, std::string_view content_type) {
  Response response;
  response.status = status;
  response.headers.set("Content-Type", content_type);
  response.body = std::move(body);
  return response;
}

Response Response::json(unsigned status, const boost::json::value& value) {
  return text(status, boost::json::serialize(value), "application/json");
}

Response Response::stream(unsigned status, std::string_view content_type, Generator generator) {
  return stream_later(status, content_type,
                      [generator = std::move(generator)](const Reply<Chunk>& reply) { reply(generator()); });
}

Response Response::stream_later(unsigned status, std::string_view content_type, Producer producer) {
  Response response = text(status, {}, content_type);
  response.producer = std::move(producer);
  return response;
}

Response problem(unsigned status, std::string_view title, std::string_view detail) {
  return problem(status, title, detail, {});
}

Response problem(unsigned status, std::string_view title, std::string_view detail,
                 const boost::json::object& extensions) {
  boost::json::object body{{"type", "about:blank"},
                           {"title", boost::json::string_view(title)},
                           {"status", status},
                           {"detail", boost::json::string_view(detail)}};
  for (const auto& [name, value] : extensions) body.insert_or_assign(name, value);
  return Response::text(status, boost::json::serialize(body), "application/problem+json");
}

std::string_view reason_phrase(unsigned status) noexcept {
  const auto known = boost::beast::http::int_to_status(status);
  return known == boost::beast::http::status::unknown
             ? std::string_view{}
             : std::string_view(boost::beast::http::obsolete_reason(known));
}

Result<boost::json::value> parse_json(std::string_view body) {
  boost::json::stream_parser parser;
  boost::system::error_code error;
  const std::size_t read = parser.write_some(body.data(), body.size(), error);
  if (!error && read == body.size()) parser.finish(error);
  if (!error && read < body.size()) error = boost::json::error::extra_data;
  if (error) return failure("read the body as JSON", fmt::format("{} at byte {}", error.message(), read));
  return parser.release();
}

}  // namespace millrace::http
