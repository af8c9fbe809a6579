// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>

#include "vnfs/firewall/inspection/signature_keywords.h"

namespace millrace::firewall::inspection {
namespace {

using Names = std::string_view;

constexpr Names kEvents[] = {"app-layer-event", "decode-event", "engine-event", "stream-event",
                             "icmpv4-csum",     "icmpv6-csum",  "ipv4-csum",    "tcpv4-csum",
                             "tcpv6-csum",      "udpv4-csum",   "udpv6-csum"};
constexpr Names kScripts[] = {"lua", "luajit"};
constexpr Names kFiles[] = {"fileext",  "file.magic", "file.name",  "filemagic", "filemd5",
                            "filename", "filesha1",   "filesha256", "filesize",  "filestore"};
constexpr Names kNotTakenApart[] = {
    "asn1",       "cip_service",   "dce_iface",   "dce_opnum",    "dce_stub_data", "dnp3_data",
    "dnp3_func",  "dnp3_ind",      "dnp3_obj",    "enip_command", "ftpbounce",     "ftpdata_command",
    "krb5_cname", "krb5_msg_type", "modbus",      "mqtt.type",    "nfs_procedure", "nfs_version",
    "rpc",        "sip.method",    "snmp.version"};
constexpr Names kTransforms[] = {"base64_data",  "base64_decode", "byte_math", "compress_whitespace",
                                 "dotprefix",    "pcrexform",     "replace",   "strip_whitespace",
                                 "to_lowercase", "to_md5",        "to_sha1",   "to_sha256",
                                 "to_uppercase", "url_decode",    "xor"};
constexpr Names kStates[] = {"ssl_state",         "ssl_version",        "stream_size",
                             "tls.store",         "tls.version",        "tls_cert_expired",
                             "tls_cert_notafter", "tls_cert_notbefore", "tls_cert_valid"};
constexpr Names kFields[] = {"ack",     "fragbits", "fragoffset", "icmp_id", "icmp_seq",
                             "id",      "ip.hdr",   "ipopts",     "sameip",  "seq",
                             "tcp.hdr", "tcp.mss",  "tos",        "udp.hdr", "window"};
constexpr Names kHosts[] = {"hostbits", "xbits"};
constexpr Names kLists[] = {"datarep", "dataset", "geoip", "iprep"};

constexpr std::array<RefusedKeywords, 9> kRefused = {{
    {"such events are told as anomalies here, and can not be asked for", kEvents},
    {"scripts are not run; write contents and expressions", kScripts},
    {"files are not taken out of traffic; file_data with contents looks into them", kFiles},
    {"the protocol is not taken apart; write contents in the payload", kNotTakenApart},
    {"buffers are looked at as they are, not in another form", kTransforms},
    {"this state of a session is not kept", kStates},
    {"this field of a header is not looked at", kFields},
    {"only sessions remember; flowbits does so", kHosts},
    {"lists of addresses and names belong to the profile's rules and groups", kLists},
}};

}  // namespace

std::span<const RefusedKeywords> refused_keywords() noexcept { return kRefused; }

std::string_view why_refused(std::string_view name) noexcept {
  for (const RefusedKeywords& group : kRefused) {
    if (std::ranges::find(group.names, name) != group.names.end()) return group.why;
  }
  return {};
}

}  // namespace millrace::firewall::inspection
