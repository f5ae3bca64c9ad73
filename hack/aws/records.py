"""What MiniStack stores and answers: it has no types, and AWS's documents nest as they like."""

from typing import Any

Record = dict[str, Any]

Response = tuple[int, dict[str, str], bytes]
"""What a handler of MiniStack returns: status, headers, body."""
