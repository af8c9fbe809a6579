// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/signature_draft.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "vnfs/firewall/inspection/signature_classes.h"
#include "vnfs/firewall/inspection/signature_keywords.h"
#include "vnfs/firewall/inspection/signature_soundness.h"

namespace millrace::firewall::inspection {
namespace {

// Written behind a content, not in front of one.
bool is_modifier(std::string_view name, Buffer buffer) noexcept { return facts_of(buffer).modifier == name; }

bool is_relative(const Test& test) noexcept {
  const auto relative = [](const auto& one) noexcept {
    if constexpr (requires { one.numeral; }) {
      return one.numeral.relative;
    } else if constexpr (requires { one.relative(); }) {
      return one.relative();
    } else if constexpr (requires { one.relative; }) {
      return one.relative;
    } else {
      return false;
    }
  };
  return std::visit(relative, test);
}

}  // namespace

void SignatureDraft::begin_content(Content content) {
  put_content();
  placed_ = 0;
  moved_ = behind_sticky_ = false;
  content_ = std::move(content);
  content_buffer_ = sticky_;
}

Result<void> SignatureDraft::move_content(Buffer buffer) {
  buffer = as_judged(buffer);
  if (content() == nullptr || behind_sticky_) return failure("", "there is no content before it");
  if (moved_ && content_buffer_ != buffer)
    return failure("", "its content is in another buffer already; give one of them");
  moved_ = true;
  if (content_) {
    content_buffer_ = buffer;
    return {};
  }
  if (content_buffer_ == buffer) return {};
  const auto from = std::ranges::find(signature_.buffers, content_buffer_, &BufferTests::buffer);
  const auto first = from->tests.begin() + static_cast<std::ptrdiff_t>(placed_ - 1);
  const auto last = std::find_if_not(first + 1, from->tests.end(), is_relative);
  std::vector<Test> tests(std::make_move_iterator(first), std::make_move_iterator(last));
  from->tests.erase(first, last);
  if (from->tests.empty()) signature_.buffers.erase(from);
  content_buffer_ = buffer;
  const auto place = std::ranges::find(signature_.buffers, buffer, &BufferTests::buffer);
  placed_ = (place == signature_.buffers.end() ? 0 : place->tests.size()) + 1;
  for (Test& test : tests) add(buffer, std::move(test));
  return {};
}

Buffer SignatureDraft::as_judged(Buffer buffer) noexcept {
  if (buffer != Buffer::kHttpResponseBody) return buffer;
  needs_http_ = true;
  return Buffer::kFileData;
}

void SignatureDraft::put_content() {
  if (!content_) return;
  Content content = std::move(*content_);
  content_.reset();
  add(content_buffer_, std::move(content));
  placed_ = std::ranges::find(signature_.buffers, content_buffer_, &BufferTests::buffer)->tests.size();
}

Content* SignatureDraft::content() noexcept {
  if (content_) return &*content_;
  if (placed_ == 0) return nullptr;
  auto& tests = std::ranges::find(signature_.buffers, content_buffer_, &BufferTests::buffer)->tests;
  return std::get_if<Content>(&tests[placed_ - 1]);
}

void SignatureDraft::add(Buffer buffer, Test test) {
  auto& all = signature_.buffers;
  auto found = std::ranges::find(all, buffer, &BufferTests::buffer);
  if (found == all.end()) found = all.insert(all.end(), BufferTests{.buffer = buffer, .tests = {}});
  found->tests.push_back(std::move(test));
  last_ = buffer;
}

void SignatureDraft::stick_to(Buffer buffer) {
  put_content();
  behind_sticky_ = true;
  sticky_ = last_ = as_judged(buffer);
}

std::optional<Number> SignatureDraft::number_or_variable(std::string_view text) const {
  text = trimmed(text);
  if (const auto number = number_of(text)) return Number{*number};
  const auto found = std::ranges::find(variables_, text);
  if (found == variables_.end()) return std::nullopt;
  return Number{0, static_cast<std::int8_t>(found - variables_.begin())};
}

std::optional<std::int8_t> SignatureDraft::new_variable(std::string_view name) {
  const auto found = std::ranges::find(variables_, name);
  if (found != variables_.end()) return static_cast<std::int8_t>(found - variables_.begin());
  if (variables_.size() == kMostVariables) return std::nullopt;
  variables_.emplace_back(name);
  return static_cast<std::int8_t>(variables_.size() - 1);
}

Result<void> SignatureDraft::take(const Option& option) {
  const auto named = [&](Result<void> outcome) -> Result<void> {
    if (!outcome && outcome.error().attempt.empty()) outcome.error().attempt = option.name;
    return outcome;
  };
  if (const Keyword* keyword = find_keyword(option.name); keyword != nullptr) {
    const bool has_value = !option.value.empty();
    if (has_value && keyword->value == Keyword::Value::kNone) return named(wrong("it takes no value"));
    if (!has_value && keyword->value == Keyword::Value::kNeeded) return named(wrong("it needs a value"));
    if (keyword->once) {
      if (std::ranges::find(taken_, keyword) != taken_.end()) return named(wrong("give it once"));
      taken_.push_back(keyword);
    }
    return named(keyword->take(*this, option.value));
  }
  if (const std::string_view why = why_refused(option.name); !why.empty()) return named(wrong(why));
  const auto buffer = buffer_named(option.name);
  if (!buffer) return named(wrong("this keyword is not understood; docs/signatures.md has those that are"));
  if (!option.value.empty()) return named(wrong("it takes no value"));
  if (is_modifier(option.name, *buffer)) return named(move_content(*buffer));
  stick_to(*buffer);
  return {};
}

Result<void> SignatureDraft::finish() {
  put_content();
  if (signature_.id == 0) return failure("sid", "it is missing");
  if (!has_priority_) signature_.priority = class_facts(signature_.class_name).priority;
  if (needs_http_) {
    if (auto spoken = claim_speech(Speech::kHttp, "http.response_body", signature_); !spoken) return spoken;
  }
  return make_sound(signature_);
}

}  // namespace millrace::firewall::inspection
