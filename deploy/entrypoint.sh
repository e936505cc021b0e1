#!/bin/sh
# Two workers of one service must bear different names; the container's own is one.
: "${YINQI_WORKER_NAME:=$(hostname)}"
export YINQI_WORKER_NAME
exec python -m services "$@"
