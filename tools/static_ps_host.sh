#!/usr/bin/env bash
# Starts one host's processes of a parameter-server job: one server and some trainers.
#
#   HOSTS="10.0.0.1 10.0.0.2" HOST=10.0.0.1 bash tools/static_ps_host.sh -m config.yaml -o ...
#
# HOSTS     all hosts of the job, the same list on each; the first host's first trainer saves
# HOST      this host, as written in HOSTS
# TRAINERS  number of trainers on each host (2)
# PORT      port of the server (6170); the trainers use the next ports, the rendezvous PORT + 100
# PYTHON    the interpreter (python)
set -eu
: "${HOSTS:?all hosts of the job, the same list on each}" "${HOST:?this host, as written in HOSTS}"
TRAINERS=${TRAINERS:-2} PORT=${PORT:-6170}

# Ends the script unless a variable is an integer from 1 up to a limit.
check_integer() { # name value limit
  if ! [[ $2 =~ ^[1-9][0123456789]{0,4}$ ]] || [ "$2" -gt "$3" ]; then
    echo "error: $1 = $2: expected an integer from 1 to $3" >&2
    exit 2
  fi
}
check_integer TRAINERS "$TRAINERS" 99
check_integer PORT "$PORT" 65435

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
