"""The figures as pure arithmetic: facts → signed rows → sums → cells. No I/O, no clock."""
