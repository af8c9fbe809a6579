// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/http_anomaly.h"

#include <array>

namespace millrace::firewall::inspection {
namespace {

constexpr std::array<HttpAnomalyFacts, kHttpAnomalies> kFacts{{
    {"not_http", "The stream does not go on as HTTP/1; no more of it is read."},
    {"no_version", "A request line has no version, as in HTTP/0.9; it is all of the last request."},
    {"unknown_version", "The version is not HTTP/1.0 or HTTP/1.1; it is read as HTTP/1.1."},
    {"no_status_line", "An answer has no status line; all that comes is its body."},
    {"bad_status", "The status is not a number of three digits; it is read as 200."},
    {"empty_lines", "Empty lines stand before a message, more than the one that some clients send."},
    {"leading_space", "White space stands before a message; it is left out."},
    {"start_line_space", "The first line has other white space than one space between its parts."},
    {"target_space", "The request's target has white space in it; it goes on to the version."},

    {"bad_escape", "A % in the target is not followed by two hexadecimal digits; it stays."},
    {"escaped_nul", "The target has an escaped NUL byte, where some servers let it end."},
    {"double_escape", "The target has an escaped % before two hexadecimal digits; it is resolved once."},
    {"unicode_escape", "The target has an escape of the form %uXXXX, which IIS resolves; it is resolved."},
    {"overlong_utf8", "The path has an ASCII character as two bytes of UTF-8; it is resolved."},
    {"above_root", "The path has more dot-dot segments than there are segments to leave; they are left out."},

    {"bare_lf", "A line ends with LF alone; it ends there."},
    {"bare_cr", "A CR does not end a line; it is read as a space."},
    {"nul", "There is a NUL byte in the head; it stays."},
    {"folded", "A field's value goes on in another line; the lines are joined with a space."},
    {"space_before_fields", "The first line of the fields begins with white space; it is left out."},
    {"space_before_colon", "White space stands between a field's name and its colon; it is left out."},
    {"no_colon", "A line among the fields has no colon; it is a value without a name."},
    {"bad_name", "A field's name is not a token; it is taken as it is."},
    {"head_too_long", "A head is longer than the reader's limit; it is read so far and no further."},
    {"too_many_fields",
     "A head has too many fields; the rest is not read, but stands in the headers as it is."},
    {"no_host", "A request of HTTP/1.1 has no Host."},
    {"many_hosts", "A request has more than one Host; the first is taken."},
    {"hosts_differ", "A request's target names another host than its Host; the target's is taken."},

    {"length_and_chunked", "A message has Content-Length and Transfer-Encoding; the latter holds."},
    {"repeated_length", "Content-Length is there more than once, with the same value."},
    {"different_lengths", "Content-Length is there with different values; the first is taken."},
    {"bad_length", "Content-Length is not a number; all that comes is the body."},
    {"bad_transfer_encoding", "Transfer-Encoding does not end with chunked; all that comes is the body."},
    {"chunked_in_old_version", "A message of HTTP/1.0 has Transfer-Encoding; it is read as in HTTP/1.1."},
    {"body_not_allowed", "An answer that has no body says how long its body is; it has none."},
    {"chunk_space", "White space stands behind a chunk's size; it is left out."},
    {"bad_chunk_size", "A chunk's size is not a number; all that comes is the body."},
    {"bad_chunk_end", "A chunk does not end where its size says; all that comes is the body."},
    {"cut_off", "The stream ends within a message."},

    {"unasked", "An answer has no request; it is read as one to GET."},
    {"too_many_pipelined", "Too many requests wait for answers; theirs are read as ones to GET."},

    {"unknown_coding", "A body is packed in a way that is not read; it is looked at as it is."},
    {"bad_packed", "A packed body can not be unpacked, or not to its end."},
    {"unpacked_too_long", "A packed body becomes longer than the limit; it is unpacked so far."},
    {"not_unpacked", "All states for unpacking are taken; a body is looked at as it is."},
    {"body_not_kept",
     "A body in chunks, or unpacked, is longer than there is memory for; it is looked at so far."},
    {"no_room", "There is no room for parts of a head that have to be rewritten; they are left out."},
}};
static_assert(!kFacts.back().name.empty());

}  // namespace

const HttpAnomalyFacts& facts_of(HttpAnomaly anomaly) noexcept {
  return kFacts[static_cast<std::size_t>(anomaly)];
}

}  // namespace millrace::firewall::inspection
