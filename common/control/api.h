// SPDX-License-Identifier: BSD-3-Clause
// The appliance's HTTP API: which call does what is docs of the routes below, the JSON is written and read
// here.
//
//   GET    /v1                    vnf, name, version, links
//   GET    /v1/version            vnf, version
//   GET    /v1/health             503 when not live; ?ready=true: 503 also when not ready
//   GET    /v1/metrics            Prometheus text 0.0.4
//   GET    /v1/profile            the running profile, YAML
//   PUT    /v1/profile            ?check=true validates only, ?file=NAME is what errors call the text
//   GET    /v1/sessions           ?source= destination= port= protocol= interface= rule= limit= cursor=
//   DELETE /v1/sessions           the same filter; without one ?all=true must be said
//   GET    /v1/sessions/export    the state stream
//   POST   /v1/sessions/import    its other end
//   GET, POST, DELETE /v1/drain   status, begin, end
//   POST   /v1/explain            a packet (packet_description.h)
//   POST   /v1/trace              {match, packets, timeout_ms}
//   POST   /v1/capture            {match, packets, timeout_ms, snap_length}, answers a pcapng file
//   GET, PUT /v1/workers          {count}
//   GET    /v1/VNF/{what}         what only this appliance has
//
// Every refusal is application/problem+json; a 400 names the "parameter" or the "member" at fault, a refused
// profile lists its "errors", a 409 is a valid request that cannot be met in the present state. Unknown query
// parameters and unknown members are errors.
#pragma once

namespace millrace::http {
class Router;
}

namespace millrace::control {

class Appliance;

// Both live as long as the server that gets the router. Handlers run on the server's thread, which must be
// the control thread.
void add_api(http::Router& router, Appliance& appliance);

}  // namespace millrace::control
