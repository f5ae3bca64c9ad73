"""What MiniStack stores and answers: it has no types, and AWS's documents nest as they like."""

from typing import Any

Record = dict[str, Any]
