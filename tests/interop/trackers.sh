#!/usr/bin/env bash
# Skips, visibly, where no Python with TensorBoard and MLflow is named.
python=${ATTUNE_TRACKERS_PYTHON:-}
if [ -z "$python" ] || ! "$python" -c "import tensorboard, mlflow" 2>/dev/null; then
  echo "[attune] skipped: no Python with tensorboard and mlflow (ATTUNE_TRACKERS_PYTHON)"
  exit 77
fi
exec "$python" "$(dirname "${BASH_SOURCE[0]}")/trackers_check.py" "$1"
