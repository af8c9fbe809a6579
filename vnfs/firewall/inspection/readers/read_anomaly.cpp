// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/readers/read_anomaly.h"

#include <array>

namespace millrace::firewall::inspection::readers {
namespace {

constexpr std::array<ReadAnomalyFacts, kReadAnomalies> kReadFacts{{
    {"cut_off", "The stream ends within a message, which is not read."},
    {"no_room", "There is no room for parts that have to be rewritten; they are left out."},

    {"tls_not_tls", "The stream does not go on with a TLS record; no more of it is read."},
    {"tls_sslv2", "The client begins with an SSLv2 hello, which RFC 6176 forbids; nothing of it is read."},
    {"tls_record_too_long", "A record is longer than TLS allows; no more of the stream is read."},
    {"tls_empty_record", "A record of the handshake has no bytes, which RFC 8446 forbids; it is skipped."},
    {"tls_interleaved", "Another record stands within a handshake message; the message goes on behind it."},
    {"tls_before_hello", "A record that may only follow the hello comes before it."},
    {"tls_message_too_long", "A message in several records is longer than the limit; it is read so far."},
    {"tls_bad_hello", "A hello's lengths contradict each other; it is read up to there."},
    {"tls_repeated_extension", "A hello has the same extension twice; the first is taken."},
    {"tls_bad_server_name", "A server name is no host name, or there are several; the first is taken."},
    {"tls_bad_certificate", "A certificate is not DER of X.509; its parts are left out from there on."},
    {"tls_name_too_long", "A name in a certificate is longer than the limit; it is read so far."},

    {"quic_bad_packet",
     "A QUIC packet's header is wrong, or its Initial can not be decrypted; it is skipped."},
    {"quic_bad_frame", "An Initial has a frame that may not be in it; the rest of the packet is skipped."},
    {"quic_conflict", "The same part of a handshake comes twice with different bytes; the first is taken."},
    {"quic_too_many_pieces", "A hello comes in more pieces out of order than are kept; it is not read."},
    {"quic_too_long", "A hello is longer than the limit; it is not read."},
    {"quic_no_hello", "The client's first packets bring no hello; no more of them are read."},

    {"dns_short", "A message ends before what its counts promise; it is read so far."},
    {"dns_bad_name", "A label has a reserved type, or a name runs out of its message; it is read so far."},
    {"dns_pointer", "A compressed name points forward or to itself, as in a loop; it is read so far."},
    {"dns_long_name", "A name is longer than 255 octets; it is read so far."},
    {"dns_many_questions", "A message has more questions than are read; the first are."},
    {"dns_many_addresses", "A message answers more addresses than are kept; the first are."},
    {"dns_trailing", "Bytes stand behind the end of a message; they are not read."},
    {"dns_reserved", "A reserved bit is set, or the operation is unknown; it is read all the same."},

    {"ssh_no_identification", "The identification does not come where it has to; nothing else is read."},
    {"ssh_long_line", "An identification is longer than 255 bytes; it is read so far."},
    {"ssh_bad_version", "An identification has no protocol version or no software; what it has is read."},

    {"bare_lf", "A line ends with LF alone; it ends there."},
    {"bare_cr", "A CR does not end a line; it stays."},
    {"nul", "There is a NUL byte in a line; it stays."},

    {"smtp_long_line", "A line is longer than the limit; it is read so far."},
    {"smtp_unknown_command", "A command is none that is known; it is skipped."},
    {"smtp_bad_path", "A mailbox is not in angle brackets; the parameter is taken as it is."},
    {"smtp_bad_reply", "A line of the server is no reply; it is skipped."},
    {"smtp_early_data", "The client sends mail before it is told to; it is read as mail."},
    {"smtp_early_tls", "Bytes follow STARTTLS before the answer to it; they are read as commands."},
    {"smtp_loose_end", "A line with a dot alone has other line ends than CRLF; the mail goes on behind it."},
    {"smtp_bad_chunk", "BDAT has no size; it is skipped."},
    {"smtp_mail_not_kept",
     "Mail in several chunks is longer than there is memory for; it is looked at so far."},
}};
static_assert(!kReadFacts.back().name.empty());

}  // namespace

const ReadAnomalyFacts& facts_of(ReadAnomaly anomaly) noexcept {
  return kReadFacts[static_cast<std::size_t>(anomaly)];
}

}  // namespace millrace::firewall::inspection::readers
