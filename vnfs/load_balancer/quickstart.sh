# SPDX-License-Identifier: BSD-3-Clause
# The load balancer's part of vnfs/quickstart, which sources this.

cat <<'EOF'

   client                    load balancer              ┌─ 198.51.100.11
   192.0.2.10            ┌──────────────────┐           ├─ 198.51.100.12
   asks 203.0.113.80 ────┤ vnf-loadbalancer ├───────────┴─ 198.51.100.13 (comes later)
                         └──────────────────┘
EOF
lab_in "$lab_server" ip route replace default via 198.51.100.1
# A web server that tells its address; lab_balanced_pid is its process.
start_web_server() { # LAST_BYTE
  local address=198.51.100.$1 folder=$lab_dir/web-$1
  lab_in "$lab_server" ip address add "$address/24" dev eth0 2>/dev/null || true
  mkdir -p "$folder"
  cat >"$folder/nginx.conf" <<EOF
daemon off;
master_process off;
pid $folder/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path $folder; proxy_temp_path $folder; fastcgi_temp_path $folder; uwsgi_temp_path $folder; scgi_temp_path $folder;
  server { listen $address:80; location = /whoami { default_type text/plain; return 200 "$address\n"; } }
}
EOF
  lab_start "$lab_server" "web-$1.log" nginx -p "$folder" -c "$folder/nginx.conf"
  web_server_pid=$!
  lab_wait 10 "the web server $address" lab_in "$lab_server" curl --silent "http://$address/whoami"
}
# Who answered how many of so many requests, a connection each.
ask() { # COUNT
  printf 'url = "http://203.0.113.80/whoami"\noutput = "-"\n%.0s' $(seq "$1") >"$lab_dir/ask.curl"
  client curl --silent --no-keepalive --header "Connection: close" --max-time 5 --config "$lab_dir/ask.curl" | sort | uniq -c |
    sed 's/^ *\([0-9]*\) \(.*\)/  \1 requests were answered by \2/'
}
state_is() { # ADDRESS STATE
  curl --silent --unix-socket "$lab_socket" http://vnf/v1/load_balancer/services |
    grep -q "\"address\":\"$1\",\"port\":null,\"state\":\"$2\""
}

# nginx of the other shows listens on all addresses of the port.
kill "$lab_nginx_pid" && wait "$lab_nginx_pid" || true
for host in 11 12; do
  start_web_server "$host"
done
second_server=$web_server_pid
lab_start_vnf "$build" load_balancer vnfs/load_balancer/profiles/quickstart.yaml
title "The load balancer is up"
grep "is ready" "$lab_dir/load_balancer.log"
lab_wait 10 "the servers' first checks" state_is 198.51.100.12 active

title "Two servers, one of twice the weight"
ask 300
passes "ping the service" client ping -q -c 3 -i 0.2 -W 2 203.0.113.80
passes "TCP throughput" speed 203.0.113.80

title "vnfctl backend set web 198.51.100.13 --weight 3"
start_web_server 13
vnfctl backend set web 198.51.100.13 --weight 3
lab_wait 10 "the new server's first check" state_is 198.51.100.13 active
ask 300

title "One server dies"
kill "$second_server" && wait "$second_server" || true
lab_wait 10 "198.51.100.12 to be down" state_is 198.51.100.12 down
ask 300

title "vnfctl services"
vnfctl services

title "vnfctl explain 192.0.2.10 203.0.113.80 tcp/80"
vnfctl explain 192.0.2.10 203.0.113.80 tcp/80

title "vnfctl drops"
vnfctl drops
