#!/usr/bin/env bash
# Skips, visibly, where no Python with Optuna is named.
python=${ATTUNE_OPTUNA_PYTHON:-}
if [ -z "$python" ] || ! "$python" -c "import optuna, sqlalchemy" 2>/dev/null; then
  echo "[attune] skipped: no Python with optuna (ATTUNE_OPTUNA_PYTHON)"
  exit 77
fi
exec "$python" "$(dirname "${BASH_SOURCE[0]}")/optuna_check.py" "$1"
