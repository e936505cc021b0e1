"""A synthetic province: banks, outlets, staff and a list of enterprises, without one real name."""

from benchmarks.province.generate import generate
from benchmarks.province.model import Province
from benchmarks.province.sheets import write_files

__all__ = ["Province", "generate", "write_files"]
