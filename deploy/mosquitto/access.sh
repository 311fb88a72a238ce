#!/bin/sh
# Write Mosquitto's password and topic lists at its start: the server's account, and gateways'.
#
# The server may read and write everything under its prefix. A gateway signs in with its id as user name
# and may use its own topics only. Add one with:
#   docker compose exec broker mosquitto_passwd /mosquitto/access/passwords gw-dyc-01
#   docker compose kill -s HUP broker
set -eu
access=/mosquitto/access
umask 077
[ -e "$access/passwords" ] || : >"$access/passwords"
mosquitto_passwd -b "$access/passwords" fengsui "${FENGSUI_BROKER_PASSWORD:?}"
cat >"$access/topics" <<END
user fengsui
topic readwrite fengsui/v1/#
topic readwrite spBv1.0/#
topic read \$SYS/broker/store/messages/bytes

pattern write fengsui/v1/%u/readings
pattern write fengsui/v1/%u/senml
pattern write fengsui/v1/%u/status
pattern read fengsui/v1/%u/replies
END
chown -R mosquitto:mosquitto "$access" /mosquitto/data
exec mosquitto -c /mosquitto/config/mosquitto.conf
