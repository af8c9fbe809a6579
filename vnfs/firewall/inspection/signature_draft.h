// SPDX-License-Identifier: BSD-3-Clause
// A signature while it is read, one option after the other.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "vnfs/firewall/inspection/signature.h"
#include "vnfs/firewall/inspection/signature_text.h"

namespace millrace::firewall::inspection {

struct Keyword;

class SignatureDraft {
 public:
  explicit SignatureDraft(Signature& signature) : signature_(signature) {}

  // An error names the keyword as its attempt.
  [[nodiscard]] Result<void> take(const Option& option);
  // After the last option: what belongs together is there.
  [[nodiscard]] Result<void> finish();

  // For keywords.
  [[nodiscard]] Signature& signature() noexcept { return signature_; }
  // The content that modifiers are about, which may have other tests behind it by now; null when there is
  // none.
  [[nodiscard]] Content* content() noexcept;
  void begin_content(Content content);
  // To another buffer, with the tests behind it that are relative to it.
  [[nodiscard]] Result<void> move_content(Buffer buffer);
  void put_content();
  // To the tests of a buffer, in their order.
  void add(Buffer buffer, Test test);
  [[nodiscard]] Buffer sticky() const noexcept { return sticky_; }
  void stick_to(Buffer buffer);
  // The names of a response's body mean what is in it, unpacked, which is file.data of HTTP.
  [[nodiscard]] Buffer as_judged(Buffer buffer) noexcept;
  // Of a test that is relative to the last one, or not.
  [[nodiscard]] Buffer buffer_of(bool relative) const noexcept { return relative ? last_ : sticky_; }
  [[nodiscard]] std::optional<Number> number_or_variable(std::string_view text) const;
  [[nodiscard]] std::optional<std::int8_t> new_variable(std::string_view name);
  void set_priority(std::uint8_t priority) noexcept {
    signature_.priority = priority;
    has_priority_ = true;
  }

 private:
  Signature& signature_;
  std::optional<Content> content_;  // it goes to its buffer when something else comes
  std::size_t placed_ = 0;          // then, one more than its place among that buffer's tests
  Buffer content_buffer_ = Buffer::kPayload;
  bool moved_ = false;          // by a modifier
  bool behind_sticky_ = false;  // a sticky buffer has come since: it stays where it is
  Buffer sticky_ = Buffer::kPayload;
  Buffer last_ = Buffer::kPayload;  // where the last test was put
  std::vector<std::string> variables_;
  std::vector<const Keyword*> taken_;  // those that come once
  bool has_priority_ = false;
  bool needs_http_ = false;
};

}  // namespace millrace::firewall::inspection
