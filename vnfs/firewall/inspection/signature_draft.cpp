// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/signature_draft.h"

#include <algorithm>

#include "vnfs/firewall/inspection/signature_classes.h"
#include "vnfs/firewall/inspection/signature_keywords.h"

namespace millrace::firewall::inspection {
namespace {

// Written behind a content, not in front of one.
bool is_modifier(std::string_view name, Buffer buffer) noexcept {
  return facts_of(buffer).modifier == name || name == "http_cookie";
}

}  // namespace

void SignatureDraft::begin_content(Content content) {
  put_content();
  placed_ = 0;
  content_ = std::move(content);
  content_buffer_ = sticky_;
}

Result<void> SignatureDraft::move_content(Buffer buffer) {
  if (!content_) return failure("", "there is no content before it");
  content_buffer_ = buffer;
  return {};
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
  sticky_ = last_ = buffer;
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
  if (const Keyword* keyword = find_keyword(option.name); keyword != nullptr)
    return named(keyword->take(*this, option.value));
  const auto buffer = buffer_named(option.name);
  if (!buffer || option.has_value)
    return failure(std::string(option.name),
                   buffer ? "it takes no value" : "this keyword is not understood here");
  if (is_modifier(option.name, *buffer)) return named(move_content(*buffer));
  stick_to(*buffer);
  return {};
}

Result<void> SignatureDraft::finish() {
  put_content();
  if (signature_.id == 0) return failure("sid", "it is missing");
  if (!has_priority_) signature_.priority = class_facts(signature_.class_name).priority;
  for (const BufferTests& tests : signature_.buffers) {
    for (const Test& test : tests.tests) {
      const auto* content = std::get_if<Content>(&test);
      if (content == nullptr) continue;
      const auto shorter = [&](const std::optional<Number>& number) {
        return number && number->variable < 0 &&
               number->value < static_cast<std::int64_t>(content->bytes.size());
      };
      if (shorter(content->depth) || shorter(content->within))
        return failure("content", "its depth or within is less than its length; make it at least as long");
      if (content->relative() && (content->offset || content->depth))
        return failure("content",
                       "offset and depth do not go with distance and within; give one or the other");
    }
    const Speech speech = facts_of(tests.buffer).speech;
    if (speech == Speech::kUnknown) continue;
    if (signature_.speech != Speech::kUnknown && signature_.speech != speech)
      return failure(std::string(facts_of(tests.buffer).name), "the signature is about another protocol");
    signature_.speech = speech;
  }
  return {};
}

}  // namespace millrace::firewall::inspection
