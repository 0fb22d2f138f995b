"""What gunicorn takes from Rota by itself, where it is started in this folder; its options go before."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

logger_class = "project.weblogs.Lines"
