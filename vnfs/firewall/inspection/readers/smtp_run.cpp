// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/readers/smtp_run.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "vnfs/firewall/inspection/http_text.h"
#include "vnfs/firewall/inspection/readers/smtp_text.h"

namespace millrace::firewall::inspection::readers {
namespace {

// What a server may answer in another way than a client thinks, so often.
constexpr unsigned kMostRereads = 4;

// Places are numbers of 32 bits; windows are far smaller.
constexpr std::uint32_t kFarthest = std::numeric_limits<std::uint32_t>::max();

// Commands that are known and not looked at (RFC 5321, 2034, 2920, 4954 and others).
constexpr std::array<std::string_view, 11> kOtherCommands{"RSET", "NOOP", "QUIT", "VRFY", "EXPN", "HELP",
                                                          "AUTH", "ETRN", "SEND", "SAML", "TURN"};

}  // namespace

ReadProgress SmtpRun::run(bool ended) noexcept {
  while (!stopped_ && self_.phase_ != Phase::kOver && step()) {
  }
  if (stopped_) return ReadProgress::kStopped;
  if (ended && self_.phase_ != Phase::kOver) {
    const bool in_mail = self_.phase_ != Phase::kLines;
    found_.add_if(in_mail || self_.at_ != self_.line_, ReadAnomaly::kCutOff);
    self_.phase_ = Phase::kOver;
    if (in_mail) tell_mail(self_.at_, true);
  }
  if (!stopped_ && !found_.empty()) tell({.parts = {}});
  if (stopped_) return ReadProgress::kStopped;
  return self_.phase_ == Phase::kOver ? ReadProgress::kOver : ReadProgress::kReading;
}

bool SmtpRun::step() noexcept {
  if (work_.exchange.tls()) {
    self_.phase_ = Phase::kOver;
    return false;
  }
  switch (self_.phase_) {
    case Phase::kLines:
      return line();
    case Phase::kMail:
      return mail();
    case Phase::kChunk:
      return chunk();
    case Phase::kOver:
      break;
  }
  return false;
}

bool SmtpRun::line() noexcept {
  const std::size_t newline = find(stream_, '\n', self_.at_);
  self_.at_ = static_cast<std::uint32_t>(newline);
  if (newline == stream_.size()) return false;
  Bytes whole = stream_.subspan(self_.line_, newline - self_.line_);
  self_.line_ = self_.at_ = static_cast<std::uint32_t>(newline + 1);
  found_.add_if(whole.empty() || whole.back() != '\r', ReadAnomaly::kBareLf);
  whole = without_line_end(whole);
  if (whole.size() > kLongestSmtpLine) {
    found_.add(ReadAnomaly::kSmtpLongLine);
    whole = whole.first(kLongestSmtpLine);
  }
  found_.add_if(find(whole, '\r') != whole.size(), ReadAnomaly::kBareCr);
  found_.add_if(find(whole, 0) != whole.size(), ReadAnomaly::kNul);
  if (side_ == Side::kClient) {
    command(whole);
  } else {
    reply(whole);
  }
  return true;
}

void SmtpRun::command(Bytes line) noexcept {
  SmtpExchange& exchange = work_.exchange;
  const bool is_command = !exchange.is_challenged();
  exchange.asked();
  if (!is_command) return;
  found_.add_if(exchange.tls_asked() && exchange.answer() == SmtpExchange::Answer::kWaits,
                ReadAnomaly::kSmtpEarlyTls);
  const auto [verb, parameter] = split_smtp(line);
  const auto is = [verb = verb](std::string_view word) noexcept { return same_word(verb, word); };
  if (is("EHLO") || is("HELO") || is("LHLO")) {
    forget_mail();
    remember(SmtpReader::kHelo, parameter);
    tell({.what = SmtpEvent::What::kHelo, .parts = texts()});
  } else if (is("MAIL")) {
    forget_mail();
    path(SmtpReader::kFrom, "FROM", parameter);
    tell({.what = SmtpEvent::What::kMailFrom, .parts = texts()});
  } else if (is("RCPT")) {
    path(SmtpReader::kRecipient, "TO", parameter);
    tell({.what = SmtpEvent::What::kRcptTo, .parts = texts()});
  } else if (is("DATA")) {
    begin_mail();
  } else if (is("BDAT")) {
    begin_chunk(parameter);
  } else if (is("RSET")) {
    forget_mail();
  } else if (is("STARTTLS")) {
    exchange.await();
    exchange.ask_for_tls(true);
    if (exchange.answer() == SmtpExchange::Answer::kYes) exchange.begin_tls();
  } else {
    const bool known = std::ranges::any_of(kOtherCommands, is) || (!verb.empty() && lower(verb[0]) == 'x');
    found_.add_if(!known, ReadAnomaly::kSmtpUnknownCommand);
  }
}

// "FROM:<a@example.org> SIZE=1": what is behind the colon, up to the parameters of extensions.
void SmtpRun::path(SmtpReader::Text which, std::string_view word, Bytes parameter) noexcept {
  Bytes rest = begins_with_word(parameter, word) ? trim_front(parameter.subspan(word.size())) : parameter;
  const bool colon = !rest.empty() && rest[0] == ':';
  if (colon) rest = trim_front(rest.subspan(1));
  rest = without_parameters(rest);
  const bool in_brackets = rest.size() >= 2 && rest.front() == '<' && rest.back() == '>';
  found_.add_if(!colon || !in_brackets, ReadAnomaly::kSmtpBadPath);
  remember(which, rest);
}

void SmtpRun::begin_mail() noexcept {
  work_.exchange.await();
  work_.exchange.ask_for_tls(false);
  if (self_.joined_) work_.joined.clear();
  self_.joined_ = self_.not_kept_ = self_.read_early_ = self_.mail_told_ = false;
  self_.phase_ = Phase::kMail;
}

bool SmtpRun::mail() noexcept {
  const SmtpExchange::Answer answer = work_.exchange.answer();
  const bool begun = self_.at_ != self_.line_;
  if (answer == SmtpExchange::Answer::kNo &&
      (!begun || (self_.read_early_ && self_.rereads_ < kMostRereads))) {
    // What follows are commands, for the server at least.
    if (begun) ++self_.rereads_;
    self_.mail_told_ = false;
    self_.at_ = self_.line_;
    self_.phase_ = Phase::kLines;
    return true;
  }
  if (self_.at_ == stream_.size()) return false;
  if (answer == SmtpExchange::Answer::kYes) self_.read_early_ = false;
  if (answer == SmtpExchange::Answer::kWaits && !self_.read_early_) {
    self_.read_early_ = true;
    found_.add(ReadAnomaly::kSmtpEarlyData);
  }
  for (std::size_t newline = find(stream_, '\n', self_.at_); newline != stream_.size();
       newline = find(stream_, '\n', self_.at_)) {
    self_.at_ = static_cast<std::uint32_t>(newline + 1);
    const DotLine dot = dot_line(stream_.subspan(self_.line_, self_.at_ - self_.line_));
    found_.add_if(dot == DotLine::kLoose, ReadAnomaly::kSmtpLooseEnd);
    if (dot != DotLine::kEnd) continue;
    constexpr std::size_t kDotLine = 3;
    work_.exchange.asked();
    self_.phase_ = Phase::kLines;
    tell_mail(self_.at_ - kDotLine, true);
    self_.line_ = self_.at_;
    return true;
  }
  self_.at_ = static_cast<std::uint32_t>(stream_.size());
  tell_mail(self_.at_ - uncertain_end(stream_.subspan(self_.line_)), false);
  return false;
}

// RFC 3030 section 2.
void SmtpRun::begin_chunk(Bytes parameter) noexcept {
  const auto [size, rest] = split_smtp(parameter);
  if (size.empty() || !std::ranges::all_of(size, is_digit)) {
    found_.add(ReadAnomaly::kSmtpBadChunk);
    return;
  }
  std::uint64_t length = 0;
  for (const std::uint8_t digit : size)
    length = std::min<std::uint64_t>(length * 10 + (digit - std::uint64_t{'0'}), kFarthest);
  self_.last_chunk_ = same_word(rest, "LAST");
  self_.joined_ = self_.joined_ || !self_.last_chunk_;
  self_.chunk_end_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(self_.at_ + length, kFarthest));
  self_.phase_ = Phase::kChunk;
}

bool SmtpRun::chunk() noexcept {
  const std::size_t end = std::min<std::size_t>(stream_.size(), self_.chunk_end_);
  const bool grown = end != self_.at_;
  if (grown && self_.joined_) keep(stream_.subspan(self_.at_, end - self_.at_));
  self_.at_ = static_cast<std::uint32_t>(end);
  if (end != self_.chunk_end_) {
    if (grown) tell_mail(end, false);
    return false;
  }
  self_.phase_ = Phase::kLines;
  if (self_.last_chunk_ || grown) tell_mail(end, self_.last_chunk_);
  self_.line_ = self_.at_;
  return true;
}

void SmtpRun::keep(Bytes bytes) noexcept {
  if (self_.not_kept_) return;
  const std::size_t left = work_.most_joined - std::min(work_.most_joined, work_.joined.bytes().size());
  const Bytes fits = bytes.first(std::min(bytes.size(), left));
  self_.not_kept_ = !work_.joined.append(fits) || fits.size() != bytes.size();
  found_.add_if(self_.not_kept_, ReadAnomaly::kSmtpMailNotKept);
}

void SmtpRun::reply(Bytes line) noexcept {
  if (!is_reply_code(line)) {
    found_.add(ReadAnomaly::kSmtpBadReply);
    return;
  }
  const unsigned code =
      (line[0] - unsigned{'0'}) * 100 + (line[1] - unsigned{'0'}) * 10 + (line[2] - unsigned{'0'});
  const bool last = line.size() == 3 || line[3] == ' ';
  if (last && work_.exchange.replied(code) && work_.exchange.tls_asked()) work_.exchange.begin_tls();
  tell({.what = SmtpEvent::What::kReply,
        .ends = last,
        .code = static_cast<std::uint16_t>(code),
        .text = line.subspan(std::min<std::size_t>(4, line.size())),
        .parts = {}});
}

void SmtpRun::remember(SmtpReader::Text which, Bytes what) noexcept {
  self_.begin_[which] = what.empty() ? 0U : static_cast<std::uint32_t>(what.data() - stream_.data());
  self_.length_[which] = static_cast<std::uint16_t>(what.size());
}

void SmtpRun::forget_mail() noexcept {
  self_.length_[SmtpReader::kFrom] = self_.length_[SmtpReader::kRecipient] = 0;
  if (self_.joined_) work_.joined.clear();
  self_.joined_ = self_.not_kept_ = self_.mail_told_ = false;
}

Parts SmtpRun::texts() const noexcept {
  constexpr std::array<Buffer, SmtpReader::kTexts> kBuffersOf{Buffer::kSmtpHelo, Buffer::kSmtpMailFrom,
                                                              Buffer::kSmtpRcptTo};
  Parts parts;
  for (std::size_t i = 0; i < kBuffersOf.size(); ++i) {
    if (self_.length_[i] != 0) parts.set(kBuffersOf[i], stream_.subspan(self_.begin_[i], self_.length_[i]));
  }
  return parts;
}

void SmtpRun::tell_mail(std::size_t end, bool ends) noexcept {
  Parts parts = texts();
  const Bytes mail = self_.joined_ ? work_.joined.bytes() : stream_.subspan(self_.line_, end - self_.line_);
  parts.set(Buffer::kFileData, mail, !ends);
  const bool begins = !self_.mail_told_;
  self_.mail_told_ = true;
  tell({.what = SmtpEvent::What::kMail, .begins = begins, .ends = ends, .parts = parts});
  if (ends) forget_mail();
}

void SmtpRun::tell(SmtpEvent event) noexcept {
  event.anomalies = std::exchange(found_, {});
  stopped_ = !sink_(event);
}

}  // namespace millrace::firewall::inspection::readers
