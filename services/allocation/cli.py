"""What an operator or an auditor runs on the command line."""

from pathlib import Path

from services.allocation.domain.engine.verify import main


def verify_file(path: Path) -> int:
    """Check an exported plan; 0: it holds and is optimal (needs no platform)."""
    return main([str(path)])
