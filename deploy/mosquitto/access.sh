#!/bin/sh
# Make Mosquitto's list of accounts at its first start: the server's account, which runs the list.
#
# Gateways are let in by the server, over MQTT, while the broker runs:
#   docker compose exec server fengsui gateway create gw-dyc-01 --enterprise DY-CHEM-01
# The password of the server's account is that of the first start; to change it:
#   mosquitto_ctrl -u fengsui dynsec setClientPassword fengsui
set -eu
access=/mosquitto/access
umask 077
[ -e "$access/dynamic-security.json" ] ||
  mosquitto_ctrl dynsec init "$access/dynamic-security.json" fengsui "${FENGSUI_BROKER_PASSWORD:?}"
chown -R mosquitto:mosquitto "$access" /mosquitto/data
exec mosquitto -c /mosquitto/config/mosquitto.conf
