# SPDX-License-Identifier: BSD-3-Clause
# The firewall's part of vnfs/quickstart, which sources this.

cat <<'EOF'

   client                     firewall                      server
   192.0.2.10      inside  ┌────────────┐  outside   198.51.100.10
   2001:db8:1::10 ─────────┤vnf-firewall├────────── 2001:db8:2::10
                           └────────────┘
EOF
lab_start_vnf "$build" firewall vnfs/firewall/profiles/quickstart.yaml
title "The firewall is up"
grep "is ready" "$lab_dir/firewall.log"

title "What the rules allow, over IPv4 and IPv6"
passes "ping the firewall" client ping -q -c 3 -i 0.2 -W 2 192.0.2.1
passes "ping the server" client ping -q -c 3 -i 0.2 -W 2 198.51.100.10
passes "ping the server (IPv6)" client ping -q -c 3 -i 0.2 -W 2 2001:db8:2::10
passes "web page" get http://198.51.100.10/
passes "web page (IPv6)" get "http://[2001:db8:2::10]/"
passes "TCP throughput" speed 198.51.100.10
passes "TCP throughput (IPv6)" speed 2001:db8:2::10

title "What they do not"
blocked "port 8080: rejected, so curl knows at once" get http://198.51.100.10:8080/
blocked "port 8080 (IPv6)" get "http://[2001:db8:2::10]:8080/"
blocked "port 22: dropped without a word" get --connect-timeout 1 http://198.51.100.10:22/
blocked "server to client" lab_in "$lab_server" ping -q -c 1 -W 1 192.0.2.10

title "vnfctl explain 192.0.2.10 198.51.100.10 tcp/8080"
vnfctl explain 192.0.2.10 198.51.100.10 tcp/8080

title "vnfctl rules"
vnfctl rules

title "vnfctl watch, while 2 iperf3 streams run"
client iperf3 --client 198.51.100.10 --time 4 --parallel 2 >/dev/null &
load=$!
vnfctl watch -n 3
wait "$load"

title "The same firewall looks inside: vnfctl profile apply vnfs/firewall/profiles/inspection.yaml"
vnfctl profile apply vnfs/firewall/profiles/inspection.yaml
passes "web page, with an alert" get http://198.51.100.10/
blocked "a path that is nobody's business" get --max-time 1 http://198.51.100.10/admin/users
blocked "written in another way" get --max-time 1 "http://198.51.100.10/x/../%61dmin/users"
blocked "a card number in a form: rejected" get --data "card=1234-5678-9012-3456" http://198.51.100.10/
blocked "a scanner, header by header" get --max-time 1 --user-agent "sqlmap/1.7" http://198.51.100.10/

title "vnfctl alerts"
vnfctl alerts
