// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/http_start_line.h"

#include <algorithm>
#include <string_view>

#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection {
namespace {

// RFC 9112 section 3.
constexpr bool is_gap(std::uint8_t c) noexcept { return is_blank(c) || c == '\v' || c == '\f' || c == '\r'; }

// Takes a line apart from both of its ends.
class Words {
 public:
  explicit Words(Bytes line) noexcept : rest_(line) {}

  [[nodiscard]] Bytes take() noexcept {
    const std::size_t end = static_cast<std::size_t>(std::ranges::find_if(rest_, is_gap) - rest_.begin());
    const Bytes word = rest_.first(end);
    rest_ = rest_.subspan(end);
    if (rest_.empty()) return word;
    odd_ = odd_ || rest_[0] != ' ' || (rest_.size() > 1 && is_gap(rest_[1]));
    while (!rest_.empty() && is_gap(rest_[0])) rest_ = rest_.subspan(1);
    return word;
  }
  // The last word, when there is something before it and it begins so.
  [[nodiscard]] Bytes take_last(std::string_view beginning) noexcept {
    std::size_t end = rest_.size();
    while (end != 0 && is_gap(rest_[end - 1])) --end;
    std::size_t begin = end;
    while (begin != 0 && !is_gap(rest_[begin - 1])) --begin;
    const Bytes word = rest_.subspan(begin, end - begin);
    const bool is_it = begin != 0 && begins_with_word(word, beginning);
    odd_ = odd_ || end != rest_.size();
    rest_ = rest_.first(is_it ? begin : end);
    if (!is_it) return {};
    odd_ = odd_ || rest_.back() != ' ' || (begin > 1 && is_gap(rest_[begin - 2]));
    while (!rest_.empty() && is_gap(rest_.back())) rest_ = rest_.first(rest_.size() - 1);
    return word;
  }
  [[nodiscard]] Bytes rest() const noexcept { return rest_; }
  [[nodiscard]] bool odd() const noexcept { return odd_; }

 private:
  Bytes rest_;
  bool odd_ = false;
};

}  // namespace

RequestLine read_request_line(Bytes line) noexcept {
  Words words(line);
  RequestLine request;
  request.method = words.take();
  request.version = words.take_last("HTTP/");
  request.target = words.rest();
  request.odd_space = words.odd();
  request.space_in_target = std::ranges::any_of(request.target, is_gap);
  return request;
}

// The space behind the status may be missing when no message follows, which section 4 does not allow.
StatusLine read_status_line(Bytes line) noexcept {
  Words words(line);
  StatusLine answer;
  answer.version = words.take();
  answer.status = words.take();
  answer.message = words.rest();
  answer.odd_space = words.odd();
  return answer;
}

}  // namespace millrace::firewall::inspection
