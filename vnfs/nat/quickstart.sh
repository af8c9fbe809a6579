# SPDX-License-Identifier: BSD-3-Clause
# The NAT gateway's part of vnfs/quickstart, which sources this.

cat <<'EOF'

   client                     NAT gateway                   server
   192.0.2.10     private  ┌────────────┐   public    198.51.100.10
   2001:db8:1::10 ─────────┤  vnf-nat   ├───────────  has no route to the client,
                           └────────────┘             and no IPv6 that leads to it
                            198.51.100.64/28
EOF
lab_in "$lab_server" ip route delete default
lab_in "$lab_server" ip -6 route delete default
lab_start_vnf "$build" nat vnfs/nat/profiles/quickstart.yaml
title "The NAT gateway is up"
grep "is ready" "$lab_dir/nat.log"

# A port of the client's, asked for as a home router or a game does (RFC 6886).
map_port() { client natpmpc -g 192.0.2.1 -a 8000 8000 tcp 60 | grep -o "Mapped public port [0-9]*"; }

title "Out, from private addresses"
passes "ping the server" client ping -q -c 3 -i 0.2 -W 2 198.51.100.10
passes "whom the server sees" get http://198.51.100.10/whoami
passes "and again: another port, drawn at random" get http://198.51.100.10/whoami
passes "from IPv6 to the IPv4 server (NAT64)" get "http://[2001:db8:64::198.51.100.10]/whoami"
passes "TCP throughput" speed 198.51.100.10
passes "UDP" speed 198.51.100.10 --udp --bitrate 10M --length 1250

title "In, where a port was asked for"
mkdir -p "$lab_dir/client"
echo "hello from the client" >"$lab_dir/client/index.html"
lab_start "$lab_client" client-http.log python3 -m http.server --directory "$lab_dir/client" 8000
lab_wait 10 "the client's server" client curl --silent http://127.0.0.1:8000/
mapped=$(map_port)
passes "natpmpc -a 8000 8000 tcp 60" echo "$mapped"
address=$(client natpmpc -g 192.0.2.1 | sed -n 's/^Public IP address : //p')
passes "from the server to $address:${mapped##* }" \
  lab_in "$lab_server" curl --silent --show-error --max-time 5 "http://$address:${mapped##* }/"

title "And not in otherwise"
blocked "a port that nobody has" \
  lab_in "$lab_server" curl --silent --show-error --connect-timeout 1 http://198.51.100.64:9999/
lab_in "$lab_server" ip route add 192.0.2.0/24 via 198.51.100.1
blocked "the client's own address" \
  lab_in "$lab_server" curl --silent --show-error --connect-timeout 1 http://192.0.2.10:8000/

seen=$(get http://198.51.100.10/whoami)
title "Someone complains about $seen: vnfctl nat lookup $seen --protocol tcp"
vnfctl nat lookup "$seen" --protocol tcp

title "vnfctl nat subscribers"
vnfctl nat subscribers

title "vnfctl nat pools"
vnfctl nat pools

title "vnfctl drops"
vnfctl drops
