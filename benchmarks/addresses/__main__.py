"""Run the measure of the address resolver; see measure.py."""

from benchmarks.addresses.measure import main

main()
