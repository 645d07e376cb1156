#!/bin/sh
# Migrates, then rolls the service out: deploy/kubernetes/rollout.sh [options of kubectl, like -n todo]
set -eu
cd "$(dirname "$0")"
kubectl "$@" delete job todo-api-migrate --ignore-not-found --wait
kubectl "$@" apply -k migrate
kubectl "$@" wait --for=condition=complete --timeout=1h job/todo-api-migrate
kubectl "$@" apply -k .
kubectl "$@" rollout status deployment/todo-api --timeout=10m
