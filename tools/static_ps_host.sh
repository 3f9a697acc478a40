#!/usr/bin/env bash
# Starts this host's part of a parameter-server job: one server and some trainers.
#
#   HOSTS="10.0.0.1 10.0.0.2" HOST=10.0.0.1 bash tools/static_ps_host.sh -m config.yaml -o ...
#
# HOSTS     every host of the job, the same list on each; the first one's trainer saves
# HOST      this host, as the list has it
# TRAINERS  trainers a host (2)
# PORT      its server's port (6170); trainers take those after it, the rendezvous PORT + 100
# PYTHON    the interpreter (python)
set -eu
: "${HOSTS:?all hosts, the same list on each}" "${HOST:?this host, as HOSTS has it}"
TRAINERS=${TRAINERS:-2} PORT=${PORT:-6170}

servers="" trainers="" number=0 first=""
for host in $HOSTS; do
  servers="$servers,$host:$PORT"
  if [ "$host" = "$HOST" ]; then first=$number; fi
  for i in $(seq "$TRAINERS"); do
    trainers="$trainers,$host:$((PORT + i))"
    number=$((number + 1))
  done
done
if [ -z "$first" ]; then echo "error: HOST = $HOST is not among HOSTS = $HOSTS" >&2; exit 2; fi

export PADDLE_PSERVERS_IP_PORT_LIST=${servers#,} PADDLE_TRAINER_ENDPOINTS=${trainers#,}
export PADDLE_TRAINERS_NUM=$number POD_IP=$HOST
export PADDLE_WITH_GLOO=1 PADDLE_GLOO_RENDEZVOUS=3
export PADDLE_GLOO_HTTP_ENDPOINT=${HOSTS%% *}:$((PORT + 100))

command="$(dirname "$0")/static_ps_trainer.py"
TRAINING_ROLE=PSERVER PADDLE_PORT=$PORT "${PYTHON:-python}" "$command" "$@" &
started=$!
for i in $(seq "$TRAINERS"); do
  TRAINING_ROLE=TRAINER PADDLE_TRAINER_ID=$((first + i - 1)) PADDLE_PORT=$((PORT + i)) \
    "${PYTHON:-python}" "$command" "$@" &
  started="$started $!"
done
trap 'kill $started 2>/dev/null || true' INT TERM
code=0
for process in $started; do wait "$process" || code=$?; done
exit $code
